"""Metrics, calibration, intervals: arrays in, figures out."""
