"""Saved benchmarks as tables and pictures, a file for each kind, so that no published figure is typed by hand."""
