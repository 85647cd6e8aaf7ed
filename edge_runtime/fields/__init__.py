"""Whole fields of a thin smear: from one microscope image to single cells, boxed, cut out and judged."""

from __future__ import annotations

from edge_runtime.fields.objects import FieldObject
from edge_runtime.fields.reader import FieldReader, FieldResult, classify_field
from edge_runtime.fields.segmentation.segment import Excluded, SegmentedCell, SegmentedField, segment

__all__ = [
    "Excluded",
    "FieldObject",
    "FieldReader",
    "FieldResult",
    "SegmentedCell",
    "SegmentedField",
    "classify_field",
    "segment",
]
