"""From a session's cells to figures: which statistics apply to a machine's count, a reviewed one and one by eye."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

from edge_runtime.counting import (
    CountSummary,
    KnownSlides,
    RedCells,
    StopState,
    blank_from_card,
    exact,
    known_from_summary,
    rule_of_three,
    stop,
    stop_rule,
    summarise_count,
)
from edge_runtime.counting.planning import NEVER
from edge_runtime.errors import NotConclusive
from edge_runtime.sessions.blank_slides import MicroscopeBlankRate
from edge_runtime.sessions.ranking.ranked_review import BEGUN, MACHINE, REVIEWED, RankedReview
from edge_runtime.sessions.records import ModelRecord, Totals
from edge_runtime.sessions.review import Reviewed

DEVICE, CARD = "this device", "model card"
_Z95 = 1.959964


@dataclass(frozen=True)
class MachineCount:
    """The machine's count.

    Attributes:
        summary: its figures; ``detection`` only when the blank rate was measured on this device.
        corrected_by: "this device" or "model card", whose blank rate the correction uses; None without correction.
        problem: why nothing is corrected, None when something is.
    """

    summary: CountSummary
    corrected_by: str | None
    problem: str | None = None

    @property
    def detected(self) -> bool | None:
        """Whether more cells were called than parasite-free slides explain; None without a blank of this device."""
        limit = self.summary.detection
        return None if limit is None else self.summary.infected >= limit.threshold

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"corrected_by": self.corrected_by, "problem": self.problem, **self.summary.to_json()}


def machine_count(totals: Totals, model: ModelRecord, cells: RedCells, blank: MicroscopeBlankRate) -> MachineCount:
    """The machine's count, corrected with the blank rate of this device, or for want of it with the card's.

    The card's stands for other laboratories' slides, so it gives no limit of detection.

    Args:
        totals: with cells.
        model: with the card's parts.
        cells: per microlitre.
        blank: of this device, perhaps without slides.
    """
    known, sensitivity, corrected_by = _known(model, blank)
    plain = summarise_count(totals.infected, totals.cells, cells)
    if known is None:
        return MachineCount(plain, None, "no blank rate is known, neither of this device nor of the model")
    try:
        summary = summarise_count(totals.infected, totals.cells, cells, known, sensitivity)
    except NotConclusive as error:
        return MachineCount(plain, None, str(error))
    return MachineCount(replace(summary, detection=None) if corrected_by == CARD else summary, corrected_by)


def _known(model: ModelRecord, blank: MicroscopeBlankRate) -> tuple[KnownSlides | None, KnownSlides | None, str]:
    """What a machine's count is corrected with: blank rate, sensitivity, and whose blank rate it is."""
    known, sensitivity = blank.known, card_sensitivity(model.details, model.count_point)
    return (known, sensitivity, DEVICE) if known is not None else (card_blank(model.details), sensitivity, CARD)


def leading(reviewed: Reviewed, ranked: RankedReview | None = None) -> str:
    """Which count is the one to quote.

    "reviewed" once the review by rank was enough, or every suspected cell has its verdict; fields that come later do
    not turn that back. "begun" from the first verdict on, until then "machine".
    """
    if reviewed.complete or (ranked is not None and ranked.leading == REVIEWED):
        return REVIEWED
    return BEGUN if reviewed.begun else MACHINE


def stop_state(
    rule: str | None,
    totals: Totals,
    model: ModelRecord,
    blank: MicroscopeBlankRate,
    reviewed: Reviewed,
    ranked: RankedReview | None = None,
) -> StopState | None:
    """Where a session stands under its rule, judged on the count that leads; None without a rule.

    A review that has only begun is a lower bound, so the machine's count decides until it is enough.
    """
    if rule is None:
        return None
    wanted = stop_rule(rule)
    if leading(reviewed, ranked) == REVIEWED:
        return stop(wanted, reviewed.asexual, reviewed.counted(totals))
    known, sensitivity, _ = _known(model, blank)
    try:
        state = stop(wanted, totals.infected, totals.cells, known, sensitivity)
    except NotConclusive as error:
        state = StopState(wanted.name, False, totals.infected, totals.cells, None, None, str(error), NEVER)
    if state.kind == NEVER:
        way_out = "Once the slide is reviewed, or every suspected cell has its verdict, the reviewed count decides."
        state = replace(state, reason=f"{state.reason} {way_out}")
    return state


def excluded(totals: Totals, reviewed: Reviewed, ranked: RankedReview | None = None) -> float | None:
    """Share of infected cells that the leading count excludes more than, 0..1; None when it holds parasites.

    The upper end of the two-sided 95 % interval. Of a review by rank it takes in what lies further down; else it holds
    only if no infected cell was missed. Cells of which the reviewer was unsure are taken for infected here.
    """
    if reviewed.asexual:
        return None
    if leading(reviewed, ranked) != REVIEWED:
        return None if totals.infected else rule_of_three(totals.cells)
    if ranked is not None and ranked.by_rank and ranked.most is not None:
        return ranked.most
    return exact(reviewed.unsure, reviewed.counted(totals) + reviewed.outside.of("unsure")).high


def reviewed_count(reviewed: Reviewed, totals: Totals, cells: RedCells) -> tuple[CountSummary, CountSummary]:
    """Asexual parasites, and gametocytes apart, as the reviewer saw them; never corrected for blanks.

    A person has removed the machine's false cells already; to subtract them again would hide parasites. Cells that
    the machine did not count are in numerator and denominator alike.
    """
    counted = reviewed.counted(totals)
    return (
        summarise_count(reviewed.asexual, counted, cells),
        summarise_count(reviewed.gametocytes, counted, cells),
    )


def card_sensitivity(details: Mapping[str, Any], point: float) -> KnownSlides | None:
    """Share of infected cells that the model calls at an operating point, on its card's held-out patients.

    The card gives the pooled counts and a patient-bootstrap interval. The spread between patients follows from the
    interval: the variance of a mean over m patients is (between + p (1 - p) / cells each) / m.

    Returns:
        None when the card does not say.
    """
    figures = operating_point(details, point)
    try:
        called, missed = (int(figures["confusion"][name]) for name in ("tp", "fn"))
        rate = figures["sensitivity"]
        width = float(rate["high"]) - float(rate["low"])
        patients = int(details["metrics"]["patients"]["infected"])
        cells, error = called + missed, width / (2 * _Z95)
        within = called * missed / cells**2 / (cells / patients)
        spread = sqrt(max(patients * error**2 - within, 0.0))
        # missed cells are the rarer ones, for which the reconstruction of slides is made
        known = known_from_summary(missed, cells, patients, min(spread, 1.0))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    source = f"{patients} held-out patients of the model card"
    found = tuple(n - x for x, n in zip(known.positives, known.cells, strict=True))
    return KnownSlides(found, known.cells, source=source)


def operating_point(details: Mapping[str, Any], point: float) -> Mapping[str, Any]:
    """The card's held-out figures at a threshold; empty when it has none."""
    try:
        points = details["metrics"]["operating_points"].values()
        return next((figures for figures in points if abs(figures["threshold"] - point) < 1e-9), {})
    except (KeyError, TypeError, AttributeError):
        return {}


def card_blank(details: Mapping[str, Any]) -> KnownSlides | None:
    """The healthy patients of a card: those its thresholds rest on, and the held-out ones where each was counted.

    A card that keeps pooled figures only gives the first ones, rebuilt; two summaries cannot be taken together.

    Returns:
        None when the card does not say.
    """
    try:
        section = details["blank_rate"]
        known = blank_from_card(section)
    except (KeyError, TypeError, ValueError):
        return None
    try:
        others = details["metrics"]["blank_rate"]
        apart = details["metrics"]["part"] == "test" and others["threshold"] == section["threshold"]
        if not (apart and "per_patient" in section and "per_patient" in others):
            return known
        more = blank_from_card(others)
    except (KeyError, TypeError, ValueError):
        return known
    return KnownSlides(known.positives + more.positives, known.cells + more.cells, source=known.source)
