"""What a review by rank says, as label and sentence: for the report and for the status of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_runtime.sessions.numbers import number, per_microlitre, per_microlitre_up, percent, percent_up
from edge_runtime.sessions.ranking.ranked_review import REVIEWED

if TYPE_CHECKING:
    from edge_runtime.counting import Enough, RankedCount, RedCells
    from edge_runtime.sessions.ranking.ranked_review import RankedReview
    from edge_runtime.sessions.ranking.readers import Readers

ALARM = "A random cell of those left out held a parasite, so the ranking is not to be trusted on this slide."
_Rows = list[tuple[str, str]]


def rank_rows(ranked: RankedReview) -> _Rows:
    """Where a review by rank stands, and what it gives; nothing before the first cell."""
    if ranked.enough is None:
        return []
    rows = [("By rank", _looked(ranked, ranked.enough))]
    if not ranked.begun:
        return rows
    if ranked.asexual is None:
        rows.append(("Estimate", f"None: {(ranked.reason or '').removesuffix('.')}."))
    elif ranked.leading != REVIEWED:
        rows.append(("Estimate", "None yet: while the review goes on, what was found is a lower bound."))
    else:
        rows.append(("Estimate", _count(ranked.asexual, "asexual parasites", ranked.red_cells)))
        if ranked.gametocytes is not None and ranked.gametocytes.infected:
            rows.append(("Gametocytes", f"Apart: {_count(ranked.gametocytes, 'gametocytes only', ranked.red_cells)}"))
    if ranked.rest is not None:
        rows.append(("Rest", ranked.rest.statement(ranked.red_cells)))
    rows += _audit(ranked)
    return rows if ranked.readers is None else [*rows, ("Reviewers", _readers(ranked.readers))]


def _looked(ranked: RankedReview, enough: Enough) -> str:
    pages = f" in {number(ranked.pages, 'page')}" if ranked.pages else ""
    looked = f"{ranked.looked:,} of {ranked.cells:,} cells looked at{pages}"
    if not enough.reached:
        return f"{looked}. {enough.reason}"
    return f"{looked}, enough: {enough.reason.removeprefix(f'{enough.looked:,} cells looked at, ')}"


def _count(count: RankedCount, what: str, cells: RedCells) -> str:
    """Estimate, interval and what they rest on."""
    rests = f"Rests on {count.rests_on}." if count.source is not None else f"{count.rests_on.capitalize()}."
    low, high = count.low * cells.per_microlitre, count.high * cells.per_microlitre
    level = f"{100 * count.level:.0f} %"
    if not count.infected:
        most = f"at most {percent_up(count.high)}, {per_microlitre_up(high)} ({level} interval)"
        return f"No cell with {what} among {count.looked:,} looked at: {most}. {rests}"
    return (
        f"{percent(count.rate)}, {per_microlitre(count.rate * cells.per_microlitre)} ({level} interval "
        f"{percent(count.low)} to {percent_up(count.high)}, {per_microlitre(low)} to {per_microlitre_up(high)}) from "
        f"{number(count.infected, 'cell')} with {what} among {count.looked:,} looked at. {rests}"
    )


def _audit(ranked: RankedReview) -> _Rows:
    """The random cells of all batches; nothing before one is answered."""
    audits = [batch.audit for batch in ranked.batches if batch.audit is not None and batch.audit.judged]
    if not audits:
        return []
    judged, parasites, rest = (
        sum(getattr(audit, name) for audit in audits) for name in ("judged", "parasites", "rest")
    )
    seen = f"{number(judged, 'random cell')} of {rest:,} left out"
    return [("Audit", f"{seen}: {f'{parasites:,} with parasites, an alarm.' if parasites else 'no parasite.'}")]


def _readers(two: Readers) -> str:
    agreed = "agreement as by chance only" if two.kappa.value is None else f"kappa {two.kappa.value:.2f}"
    return (
        f"{two.first} and {two.second} on {number(two.kappa.cells, 'cell')}: {agreed}, {len(two.disputed):,} in "
        f"dispute; both missed about {two.missed.estimate:.0f} with parasites, at most {two.missed.most:,}."
    )
