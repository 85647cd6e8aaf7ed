"""The figure that a reader takes away from a session, and the sentences with it, by one rule for page, report, export.

A person's count leads once it was enough, and is never turned back. Before that what a person found is said as a lower
bound, and a machine's count that parasite-free slides explain as an upper one: never as a large zero.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from edge_runtime.counting import RedCells, summarise_count
from edge_runtime.counting.intervals import exact
from edge_runtime.sessions.numbers import number, per_microlitre, per_microlitre_up, percent, percent_up
from edge_runtime.sessions.ranking.ranked_review import BEGUN, REVIEWED
from edge_runtime.sessions.session_counts import CARD, leading

if TYPE_CHECKING:
    from edge_runtime.counting import DensityRange, RankedCount
    from edge_runtime.sessions.left_out.counts import LeftOut
    from edge_runtime.sessions.ranking.ranked_review import RankedReview
    from edge_runtime.sessions.records import Totals
    from edge_runtime.sessions.review import Reviewed
    from edge_runtime.sessions.session_counts import MachineCount

MACHINE_COUNT, NOT_TOLD = "machine", "not-told-from-blank"
REVIEW_BEGUN, REVIEWED_COUNT, GAMETOCYTES_ONLY = "begun", "reviewed", "gametocytes-only"
_WITH_GAMETOCYTES = "The machine's count takes gametocytes along, the reviewed one counts them apart."


@dataclass(frozen=True)
class Headline:
    """The figure that a reader takes away.

    Attributes:
        kind: "machine", "not-told-from-blank", "begun", "reviewed" or "gametocytes-only".
        title: what it is.
        figure: the share, in large print; begins with "at most" or "at least" where it is a bound.
        density: per microlitre, likewise.
        interval: of both, and the cells behind them, in words.
        remark: what to know before quoting it.
    """

    kind: str
    title: str
    figure: str
    density: str
    interval: str
    remark: str

    @property
    def text(self) -> str:
        """Title and figure in one line."""
        return f"{self.title}: {self.figure}, {self.density}"

    def to_json(self) -> dict[str, str]:
        """Plain JSON values, the line included."""
        return {**asdict(self), "text": self.text}


def headline(
    totals: Totals, cells: RedCells, machine: MachineCount, review: Reviewed, ranked: RankedReview | None = None
) -> Headline:
    """What leads, in words.

    Args:
        totals: of the session, with cells.
        cells: red cells per microlitre.
        machine: the machine's count.
        review: where the review of suspected cells stands.
        ranked: where the review by rank stands; None when nobody asked.
    """
    state = leading(review, ranked)
    if state == REVIEWED:
        return _reviewed(totals, cells, review, ranked)
    if state == BEGUN and review.asexual + review.gametocytes:
        return _begun(totals, cells, machine, review, ranked)
    return _machine(totals, cells, machine, review)


def upper_bound(share: float, cells: RedCells) -> tuple[str, str]:
    """An upper limit as share and density, both rounded up."""
    return f"at most {percent_up(share)}", f"at most {per_microlitre_up(share * cells.per_microlitre)}"


def _machine(totals: Totals, cells: RedCells, machine: MachineCount, review: Reviewed) -> Headline:
    """The machine's own count; where parasite-free slides explain it, what it leaves possible."""
    summary = machine.summary
    called = f"{summary.infected:,} of {_red_cells(totals.cells)} called infected"
    remark = f"{review.pending:,} of {review.suspected:,} suspected cells await a reviewer."
    if not review.suspected:
        remark = "No cell reached the review point, so no person has looked at any."
    if review.begun:
        seen = review.no_parasite + review.unsure
        remark = f"Review begun: {number(seen, 'cell')} looked at, none of them with a parasite so far. {remark}"
    shown, corrected = summary.raw, False
    if machine.corrected_by is not None and summary.corrected_density is not None:
        shown, corrected = summary.corrected_density, True
        if machine.corrected_by == CARD:
            remark += " The correction uses the model card's blank rate, not this microscope's."
    if machine.detected is False or shown.low.rate <= 0:
        figure, density = upper_bound(shown.high.rate, cells)
        title = "Machine count, not told from parasite-free slides"
        if not summary.infected:
            title = "Machine count, no red cell called infected"
        return Headline(NOT_TOLD, title, figure, density, f"{called}; {_level(summary.exact.level)}", remark)
    title = "Machine count, corrected, not reviewed" if corrected else "Machine count, not reviewed, not corrected"
    return Headline(MACHINE_COUNT, title, *_figures(shown), _interval(shown, summary.exact.level, called), remark)


def _begun(
    totals: Totals, cells: RedCells, machine: MachineCount, review: Reviewed, ranked: RankedReview | None
) -> Headline:
    """What a person has confirmed so far."""
    found, what = review.asexual, "with asexual parasites"
    if not found:
        found, what = review.gametocytes, "with gametocytes only, none with asexual parasites so far"
    least = exact(found, review.counted(totals)).low
    seen = review.asexual + review.gametocytes + review.no_parasite + review.unsure
    interval = (
        f"at least {number(found, 'cell')} {what}, of {number(seen, 'cell')} looked at and {_red_cells(totals.cells)}; "
        f"lower end of the {_level(0.95)}"
    )
    rest = "" if ranked is None or ranked.rest is None else f" {ranked.rest.statement(cells)}"
    to_do = f"{review.pending:,} of {review.suspected:,} suspected cells await a reviewer."
    if ranked is not None and ranked.enough is not None:
        to_do = ranked.enough.reason
    called = f"The machine called {machine.summary.infected:,} cells infected, gametocytes among them."
    if review.outside.confirmed:
        called = f"{review.outside.sentence} {called}"
    return Headline(
        REVIEW_BEGUN,
        "Review begun",
        f"at least {number(found, 'cell')} with parasites",
        f"at least {per_microlitre(_rounded_down(least * cells.per_microlitre))}",
        interval,
        f"{to_do}{rest} {called}",
    )


def _reviewed(totals: Totals, cells: RedCells, review: Reviewed, ranked: RankedReview | None) -> Headline:
    """A person's count, by rank where that was enough, else of the machine's suspected cells."""
    if ranked is not None and ranked.by_rank and ranked.asexual is not None and ranked.gametocytes is not None:
        return _by_rank(cells, ranked, ranked.asexual, ranked.gametocytes)
    counted, asexual, gametocytes, unsure = review.counted(totals), review.asexual, review.gametocytes, review.unsure
    outside = review.outside
    if ranked is not None and ranked.settled:
        part, outside = ranked.batches[: ranked.settled], ranked.counted_outside
        counted = sum(batch.cells for batch in part) + outside.confirmed
        asexual, gametocytes, unsure = (
            sum(batch.top.of(name) + batch.below.of(name) for batch in part) + outside.of(name)
            for name in ("asexual", "gametocyte", "unsure")
        )
    found, apart = summarise_count(asexual, counted, cells), summarise_count(gametocytes, counted, cells)
    remark = "Counted by a reviewer on the machine's suspected cells; not corrected for blanks."
    if unsure:
        at_most = percent((asexual + unsure) / (counted + outside.of("unsure")))
        remark += f" {number(unsure, 'cell')} unsure; if all held parasites, {at_most}."
    remark += _outside(outside) + _later(ranked)
    level = found.exact.level
    if asexual:
        behind = f"{asexual:,} of {_red_cells(counted)}"
        return Headline(
            REVIEWED_COUNT, "Asexual parasites, reviewed", *_figures(found.raw), _interval(found.raw, level, behind),
            f"{remark} {_WITH_GAMETOCYTES}" if gametocytes else remark,
        )  # fmt: skip
    most = exact(unsure, counted + outside.of("unsure")).high
    if gametocytes:
        behind = f"{gametocytes:,} of {_red_cells(counted)} with gametocytes only"
        remark = f"No asexual parasite was found: {', '.join(upper_bound(most, cells))}. {remark}"
        return Headline(
            GAMETOCYTES_ONLY, "Gametocytes only, reviewed", *_figures(apart.raw), _interval(apart.raw, level, behind),
            remark,
        )  # fmt: skip
    return _none_found(cells, most, f"none of {_red_cells(counted)}", level, remark)


def _by_rank(cells: RedCells, ranked: RankedReview, found: RankedCount, apart: RankedCount) -> Headline:
    remark = f"Reviewed by rank: {found.looked:,} of {_red_cells(found.counted)} looked at"
    remark += "." if found.source is None else f"; how many lie further down is estimated from {found.rests_on}."
    if found.rest.rest:
        remark += f" {found.rest.statement(cells)}"
    if ranked.unsure:
        remark += f" {number(ranked.unsure, 'cell')} unsure."
    if ranked.readers is not None and ranked.readers.disputed:
        remark += f" Two reviewers differ on {number(len(ranked.readers.disputed), 'cell')}; the later verdict holds."
    remark += _outside(ranked.counted_outside) + _later(ranked)
    if found.infected:
        remark = f"{remark} {_WITH_GAMETOCYTES}" if apart.infected else remark
        return _of_count(REVIEWED_COUNT, "Asexual parasites, reviewed", found, cells, "with asexual parasites", remark)
    most = found.high if ranked.most is None else ranked.most
    if apart.infected:
        remark = f"No asexual parasite was found: {', '.join(upper_bound(most, cells))}. {remark}"
        what = "with gametocytes only"
        return _of_count(GAMETOCYTES_ONLY, "Gametocytes only, reviewed", apart, cells, what, remark)
    behind = f"none found among {number(found.looked, 'cell')} looked at, of {_red_cells(found.counted)}"
    return _none_found(cells, most, behind, found.level, remark)


def _of_count(kind: str, title: str, count: RankedCount, cells: RedCells, what: str, remark: str) -> Headline:
    low, high = count.low * cells.per_microlitre, count.high * cells.per_microlitre
    interval = (
        f"{_level(count.level)} {percent(count.low)} to {percent_up(count.high)}, {per_microlitre(low)} to "
        f"{per_microlitre_up(high)}; {number(count.infected, 'cell')} {what} among {count.looked:,} looked "
        f"at, of {_red_cells(count.counted)}"
    )
    density = per_microlitre(count.rate * cells.per_microlitre)
    return Headline(kind, title, percent(count.rate), density, interval, remark)


def _none_found(cells: RedCells, most: float, behind: str, level: float, remark: str) -> Headline:
    figure, density = upper_bound(most, cells)
    interval = f"{behind}; upper end of the {_level(level)}"
    return Headline(REVIEWED_COUNT, "No asexual parasite found, reviewed", figure, density, interval, remark)


def _outside(found: LeftOut) -> str:
    return f" {found.sentence}" if found.confirmed else ""


def _later(ranked: RankedReview | None) -> str:
    if ranked is None or not ranked.later:
        return ""
    found = f"; in all at least {number(ranked.found, 'cell')} with asexual parasites" if ranked.found else ""
    return f" {number(ranked.later, 'cell')} in fields taken since are not reviewed{found}."


def _figures(shown: DensityRange) -> tuple[str, str]:
    return percent(shown.estimate.rate), per_microlitre(shown.estimate.per_microlitre)


def _interval(shown: DensityRange, level: float, behind: str) -> str:
    low, high = shown.low, shown.high
    shares = f"{percent(low.rate)} to {percent_up(high.rate)}"
    densities = f"{per_microlitre(low.per_microlitre)} to {per_microlitre_up(high.per_microlitre)}"
    return f"{_level(level)} {shares}, {densities}; {behind}"


def _level(level: float) -> str:
    return f"{100 * level:.0f} % interval"


def _red_cells(count: int) -> str:
    return number(count, "red cell")


def _rounded_down(value: float) -> float:
    """To two digits that count, never above."""
    if value < 100:
        return float(int(value))
    zeros = 10 ** (len(str(int(value))) - 2)
    return float(int(value) // zeros * zeros)
