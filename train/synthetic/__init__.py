"""Seeded synthetic thin smears: single cells and whole fields with ground truth, for the demo and the tests only."""
