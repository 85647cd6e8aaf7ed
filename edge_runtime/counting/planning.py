"""How many more cells it takes to reach a relative precision or a limit of detection, or why none would do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from edge_runtime.counting.corrected import corrected_rate, machine_optics
from edge_runtime.counting.detection import detection_limit
from edge_runtime.counting.intervals import checked_counts, checked_level, wilson
from edge_runtime.counting.known_slides import KnownSlides

REACHED, COUNTING, NOT_YET, NEVER = "reached", "counting", "not-yet", "never"
MOST_CELLS = 10_000_000  # about two microlitres of blood; no slide is counted that far


@dataclass(frozen=True)
class MoreCells:
    """What is left to count.

    Attributes:
        total: red cells to have counted in the end; None when no number of cells reaches the goal.
        more: total less those counted so far, 0 when the goal is reached; None with ``total``.
        reason: in words, with the figure that decides.
        kind: "reached"; "counting", ``more`` are to go; "not-yet", what was counted does not allow a plan; "never", no
            number of cells would do, as it looks now.
    """

    total: int | None
    more: int | None
    reason: str
    kind: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def relative_precision(low: float, high: float, rate: float) -> float | None:
    """Half the width of an interval over its estimate, for instance 0.25 for +- 25 %; None for an estimate of 0."""
    return (high - low) / (2 * rate) if rate > 0 else None


def cells_for_precision(
    infected: int,
    counted: int,
    relative: float,
    blank: KnownSlides | None = None,
    sensitivity: KnownSlides | None = None,
    level: float = 0.95,
) -> MoreCells:
    """Cells until the interval is within ``relative`` of the rate, should cells go on being called as often as so far.

    With a blank the interval is :func:`corrected_rate`'s, which no number of cells narrows beyond what is known of this
    slide's blank rate and sensitivity; without one it is Wilson's, of the raw rate. Found by doubling and bisection, to
    about 1 %.

    Args:
        infected: cells called infected so far.
        counted: red cells so far.
        relative: half the interval's width over the rate, above 0, up to 1.
        blank: parasite-free slides, None for reviewed counts.
        sensitivity: used with a blank only.
        level: confidence of the interval.

    Raises:
        ValueError: a figure out of range.
        NotConclusive: infected cells are called no more often than blank ones.
    """
    infected, counted = checked_counts(infected, counted)
    if not 0 < relative <= 1:
        raise ValueError(f"A relative precision lies above 0 and up to 1 (0.25 is +- 25 %), not at {relative}.")
    goal = f"+- {relative:.3g} of the rate"
    raw = infected / counted
    if blank is None:
        if not infected:
            return MoreCells(None, None, f"No infected cell yet, so {goal} cannot be planned.", NOT_YET)
    else:
        best = _best_precision(raw, blank, sensitivity, checked_level(level))
        if best is None:
            reason = f"No more cells called than blanks expected, so {goal} cannot be planned."
            return MoreCells(None, None, reason, NOT_YET)
        if best >= relative:
            cause = f"what is known of this slide's blank rate and sensitivity leaves +- {best:.2g} of the rate"
            return MoreCells(None, None, f"No number of cells gives {goal}: {cause}.", NEVER)

    def reached(cells: int) -> bool:
        called = round(raw * cells)
        if blank is None:
            found = wilson(called, cells, level)
            precision = relative_precision(found.low, found.high, called / cells)
        else:
            fixed = corrected_rate(called, cells, blank, sensitivity, level)
            precision = relative_precision(fixed.low, fixed.high, fixed.rate)
        return precision is not None and precision <= relative

    return _search(reached, counted, goal)


def cells_for_limit(
    counted: int, limit: float, blank: KnownSlides, sensitivity: KnownSlides | None = None
) -> MoreCells:
    """Cells until :func:`detection_limit` is at or below ``limit``.

    Args:
        counted: red cells so far, 1 or more.
        limit: share of infected cells, above 0, up to 1.
        blank: parasite-free slides.
        sensitivity: infected cells of known truth; None takes it as 1.

    Raises:
        ValueError: a figure out of range.
        NotConclusive: infected cells are called no more often than blank ones.
    """
    if not 0 < limit <= 1:
        raise ValueError(f"A limit of detection is a share above 0 and up to 1, not {limit}.")
    now = detection_limit(counted, blank, sensitivity)
    goal = f"a limit of detection of {100 * limit:.3g} %"
    if now.floor is None or now.floor >= limit:
        floor = "nothing" if now.floor is None else f"{100 * now.floor:.3g} %"
        cause = f"slides differ in their blank rate, and what is known of it leaves {floor} at best"
        return MoreCells(None, None, f"No number of cells gives {goal}: {cause}.", NEVER)

    def reached(cells: int) -> bool:
        found = detection_limit(cells, blank, sensitivity).limit
        return found is not None and found <= limit

    return _search(reached, now.counted, goal)


def _best_precision(raw: float, blank: KnownSlides, sensitivity: KnownSlides | None, level: float) -> float | None:
    """Relative precision of endless counting at the raw rate; None when blanks explain it."""
    seen, tail = machine_optics(blank, sensitivity), (1 - level) / 2
    rate = (raw - blank.rate) / ((1.0 if sensitivity is None else sensitivity.rate) - blank.rate)
    # as at the upper end of an interval: given that the blank leaves anything to explain
    above = float(seen.weights[seen.blank < raw].sum())
    low, high = (min(max(seen.quantile(raw, at), 0.0), 1.0) for at in (tail, 1 - tail * above))
    return relative_precision(low, high, min(rate, 1.0))


def _search(reached: Callable[[int], bool], counted: int, goal: str) -> MoreCells:
    if reached(counted):
        return MoreCells(counted, 0, f"Reached {goal}.", REACHED)
    short, enough = counted, counted * 2
    while enough < MOST_CELLS and not reached(enough):
        short, enough = enough, enough * 2
    if enough >= MOST_CELLS and not reached(MOST_CELLS):
        return MoreCells(None, None, f"More than {MOST_CELLS:,} cells would be needed for {goal}.", NEVER)
    enough = min(enough, MOST_CELLS)
    while enough - short > max(1, enough // 100):
        middle = (short + enough) // 2
        short, enough = (short, middle) if reached(middle) else (middle, enough)
    return MoreCells(enough, enough - counted, f"About {enough:,} cells in all give {goal}.", COUNTING)
