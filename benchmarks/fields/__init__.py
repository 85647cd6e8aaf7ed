"""Whole fields against annotations: cells found, infected cells kept, the gap between laboratories, time."""
