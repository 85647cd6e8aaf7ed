"""Counting statistics: what infected cells among counted ones say, reviewed or not, and what they cannot exclude."""

from edge_runtime.counting.agreement import Kappa, MissedByBoth, kappa, missed_by_both
from edge_runtime.counting.audit import AuditedSlide, CaptureCheck, audit_keys, audit_sample, capture_check
from edge_runtime.counting.capture import CaptureCurve, CurveSource, capture_curve, chosen_curve, depths
from edge_runtime.counting.corrected import CorrectedRate, corrected_rate
from edge_runtime.counting.density import Density, RedCells, density, infected_cells, red_cells
from edge_runtime.counting.detection import CurrieCounts, DetectionLimit, currie_counts, detection_limit
from edge_runtime.counting.enough import Enough, cells_to_go, enough_clean, enough_strict
from edge_runtime.counting.intervals import Interval, exact, exact_upper, rule_of_three, wilson
from edge_runtime.counting.known_slides import (
    KnownSlides,
    between_slide_sd,
    between_slide_sds,
    blank_from_card,
    known_from_summary,
)
from edge_runtime.counting.planning import MoreCells, cells_for_limit, cells_for_precision, relative_precision
from edge_runtime.counting.ranked import Batch, RankedCount, ranked_count
from edge_runtime.counting.rest import RestBound, rounded_up
from edge_runtime.counting.stop_rules import PRESETS, StopRule, StopState, stop, stop_rule
from edge_runtime.counting.summary import CountSummary, DensityRange, summarise_count

__all__ = [
    "PRESETS",
    "AuditedSlide",
    "Batch",
    "CaptureCheck",
    "CaptureCurve",
    "CorrectedRate",
    "CountSummary",
    "CurrieCounts",
    "CurveSource",
    "Density",
    "DensityRange",
    "DetectionLimit",
    "Enough",
    "Interval",
    "Kappa",
    "KnownSlides",
    "MissedByBoth",
    "MoreCells",
    "RankedCount",
    "RedCells",
    "RestBound",
    "StopRule",
    "StopState",
    "audit_keys",
    "audit_sample",
    "between_slide_sd",
    "between_slide_sds",
    "blank_from_card",
    "capture_check",
    "capture_curve",
    "cells_for_limit",
    "cells_for_precision",
    "cells_to_go",
    "chosen_curve",
    "corrected_rate",
    "currie_counts",
    "density",
    "depths",
    "detection_limit",
    "enough_clean",
    "enough_strict",
    "exact",
    "exact_upper",
    "infected_cells",
    "kappa",
    "known_from_summary",
    "missed_by_both",
    "ranked_count",
    "red_cells",
    "relative_precision",
    "rounded_up",
    "rule_of_three",
    "stop",
    "stop_rule",
    "summarise_count",
    "wilson",
]
