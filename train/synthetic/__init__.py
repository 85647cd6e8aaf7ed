"""Seeded synthetic thin smears: single cells and whole fields with ground truth, for the demo and the tests only."""

from __future__ import annotations

from train.synthetic.cell import draw_cell, draw_cell_and_parasite
from train.synthetic.dataset import generate, generate_cells, generate_fields, golden_images
from train.synthetic.field import draw_field
from train.synthetic.stain import STAGES, SyntheticPatient, make_patient

__all__ = [
    "STAGES",
    "SyntheticPatient",
    "draw_cell",
    "draw_cell_and_parasite",
    "draw_field",
    "generate",
    "generate_cells",
    "generate_fields",
    "golden_images",
    "make_patient",
]
