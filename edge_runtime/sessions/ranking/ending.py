"""When the review of a session by rank has come to its end, batch by batch."""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime.counting import Batch, Enough, cells_to_go, enough_clean
from edge_runtime.sessions.ranking.batches import ASEXUAL, RankedBatch
from edge_runtime.sessions.records import POSITIVE

EVERYTHING, REVIEW_POINT = "everything", "review-point"  # kinds of Enough, beside those of counting


def counting_batches(batches: Sequence[RankedBatch], verdict: str) -> tuple[Batch, ...]:
    """What the statistics take: the ranked tops, and as one batch looked at to the last all cells judged below them.

    Args:
        batches: one or more.
        verdict: "asexual", "gametocyte", or "unsure" for what the open questions would add.
    """
    ranked = [
        Batch(batch.cells - batch.below.looked, batch.top.looked, batch.top.of(verdict), batch.clean)
        for batch in batches
    ]
    below = sum(batch.below.looked for batch in batches)
    if below:
        ranked.append(Batch(below, below, sum(batch.below.of(verdict) for batch in batches)))
    return tuple(ranked)


def to_go(batches: Sequence[RankedBatch], purpose: str, trusted: bool) -> tuple[int, ...]:
    """For each batch the cells still to look at, from its top, if all of them turn out clean; 0 where it has ended.

    Args:
        batches: of a session.
        purpose: of the session; slides known to hold parasites are looked at to the last cell.
        trusted: whether a capture curve says what a ranking finds; without one, and where an audit found a parasite,
            all cells above the review point must be looked at too.
    """
    if not batches:
        return ()
    if purpose == POSITIVE:
        return tuple(batch.cells - batch.judged for batch in batches)
    by_run = cells_to_go(counting_batches(batches, ASEXUAL))
    return tuple(
        max(cells, 0 if trusted and not batch.alarm else batch.pending)
        for cells, batch in zip(by_run, batches, strict=False)  # the cells judged below are the last of by_run
    )


def enough(batches: Sequence[RankedBatch], purpose: str, trusted: bool) -> Enough:
    """Whether the review may end; see :func:`to_go`.

    Args:
        batches: one or more.
        purpose: of the session.
        trusted: whether a capture curve says what a ranking finds.
    """
    left = sum(to_go(batches, purpose, trusted))
    looked = sum(batch.judged for batch in batches)
    if purpose == POSITIVE:
        reason = "Every cell was looked at." if not left else f"{left:,} cells of this control slide are still to see."
        return Enough(EVERYTHING, not left, looked, left, reason)
    by_run = enough_clean(counting_batches(batches, ASEXUAL))
    pending = sum(batch.pending for batch in batches if batch.alarm or not trusted)
    if not pending:
        return by_run
    why = "A random cell of the rest held a parasite, so the ranking is not to be trusted on this slide"
    if not any(batch.alarm for batch in batches):
        why = "Nothing says which part of the infected cells this model ranks first"
    return Enough(REVIEW_POINT, False, looked, left, f"{why}: {pending:,} cells above the review point are to be seen.")


def settled(batches: Sequence[RankedBatch], purpose: str, trusted: bool) -> int:
    """How many batches, from the first one on, were reviewed: until it was enough, or all that the machine suspects.

    Fields that come later are batches behind these, so they never turn a review back.
    """
    for number in range(len(batches), 0, -1):
        part = batches[:number]
        suspects = sum(batch.suspected for batch in part)
        seen = suspects > 0 and not any(batch.pending for batch in part)
        if seen or enough(part, purpose, trusted).reached:
            return number
    return 0
