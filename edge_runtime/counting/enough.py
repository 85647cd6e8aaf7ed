"""When a review by rank may end: a run of clean cells, or a bound on what was missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edge_runtime.counting.ranked import Batch
from edge_runtime.counting.rest import RestBound

CLEAN_RUN, STRICT = "clean-run", "strict"
RUN = 96  # 48 were too few in simulation: coverage 93 % at 2 %, 88 % at 5 % infected
MISSED_SHARE = 0.1


@dataclass(frozen=True)
class Enough:
    """Where a review stands.

    Attributes:
        rule: "clean-run" or "strict".
        reached: whether it may end.
        looked: cells looked at.
        to_go: cells still to look at, if all of them turn out clean; 0 when reached, None where that cannot be said.
        reason: in one sentence.
    """

    rule: str
    reached: bool
    looked: int
    to_go: int | None
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def enough_clean(batches: Sequence[Batch]) -> Enough:
    """The default: in each batch 96 cells or more looked at, the last 96 of them in a row without a parasite.

    A batch also ends when all of it was looked at, or when it was looked at as deep as one that ended by its own run:
    how deep that is does not hang on what the later batch holds.

    Args:
        batches: one or more.
    """
    to_go = sum(cells_to_go(batches))
    looked = sum(batch.looked for batch in batches)
    if all(batch.complete for batch in batches):
        return Enough(CLEAN_RUN, True, looked, 0, "Every cell was looked at.")
    if not to_go:
        return Enough(CLEAN_RUN, True, looked, 0, f"{looked:,} cells looked at, the last {RUN} in a row clean.")
    return Enough(CLEAN_RUN, False, looked, to_go, f"{to_go:,} more cells in a row without a parasite end the review.")


def cells_to_go(batches: Sequence[Batch]) -> tuple[int, ...]:
    """For each batch the cells that end it by :func:`enough_clean`, if all of them are clean; 0 where it has ended."""
    ended = [batch.depth for batch in batches if not batch.complete and min(batch.looked, batch.clean) >= RUN]
    deep = min(ended, default=2.0)
    return tuple(_to_go(batch, deep) for batch in batches)


def enough_strict(batches: Sequence[Batch], rest: RestBound) -> Enough:
    """The strict rule: beside the clean run, one cell was missed at most, or a tenth of those found, at 95 %.

    Without the run a review could end after a page: where nothing was found, the bound rests on the curve alone.

    Args:
        batches: one or more.
        rest: of them all, see :func:`~edge_runtime.counting.rest.rest_bound`.
    """
    by_run = enough_clean(batches)
    if not by_run.reached:
        return Enough(STRICT, False, by_run.looked, None, by_run.reason)
    allowed = allowed_rest(sum(batch.infected for batch in batches))
    reached = rest.infected <= allowed
    state = f"The rest holds {rest.infected:,} at most; the rule allows {allowed:,}."
    return Enough(STRICT, reached, by_run.looked, 0 if reached else None, state)


def allowed_rest(infected: int) -> int:
    """Infected cells that the strict rule lets the rest hold, when so many were found."""
    return max(1, int(MISSED_SHARE * infected))


def _to_go(batch: Batch, deep: float) -> int:
    """Cells until a batch ends, if all of them are clean."""
    if batch.complete or batch.depth >= deep:
        return 0
    by_run = max(RUN - batch.clean, RUN - batch.looked, 0)
    by_depth = -int((batch.looked - batch.infected - deep * (batch.counted - batch.infected)) // 1)
    return min(by_run, by_depth, batch.counted - batch.looked)
