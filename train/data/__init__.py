"""Labelled cells: data sets, patients, splits, the pixel cache, tables."""
