"""Whole fields of a thin smear: from one microscope image to single cells, boxed, cut out and judged."""

from __future__ import annotations

from edge_runtime.fields.reader import Cell, Excluded, Field, FieldReader, FieldResult, classify_field, segment

__all__ = ["Cell", "Excluded", "Field", "FieldReader", "FieldResult", "classify_field", "segment"]
