"""Quantisation error of each operator, and its report."""
