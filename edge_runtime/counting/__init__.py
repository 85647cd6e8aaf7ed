"""Counting statistics: what infected cells among counted ones say, corrected, and what they cannot exclude."""

from edge_runtime.counting.corrected import CorrectedRate, corrected_rate
from edge_runtime.counting.density import Density, RedCells, density, infected_cells, red_cells
from edge_runtime.counting.detection import CurrieCounts, DetectionLimit, currie_counts, detection_limit
from edge_runtime.counting.intervals import Interval, exact, exact_upper, rule_of_three, wilson
from edge_runtime.counting.known_slides import (
    KnownSlides,
    between_slide_sd,
    between_slide_sds,
    blank_from_card,
    known_from_summary,
)
from edge_runtime.counting.planning import MoreCells, cells_for_limit, cells_for_precision, relative_precision
from edge_runtime.counting.stop_rules import PRESETS, StopRule, StopState, stop, stop_rule
from edge_runtime.counting.summary import CountSummary, DensityRange, summarise_count

__all__ = [
    "PRESETS",
    "CorrectedRate",
    "CountSummary",
    "CurrieCounts",
    "Density",
    "DensityRange",
    "DetectionLimit",
    "Interval",
    "KnownSlides",
    "MoreCells",
    "RedCells",
    "StopRule",
    "StopState",
    "between_slide_sd",
    "between_slide_sds",
    "blank_from_card",
    "cells_for_limit",
    "cells_for_precision",
    "corrected_rate",
    "currie_counts",
    "density",
    "detection_limit",
    "exact",
    "exact_upper",
    "infected_cells",
    "known_from_summary",
    "red_cells",
    "relative_precision",
    "rule_of_three",
    "stop",
    "stop_rule",
    "summarise_count",
    "wilson",
]
