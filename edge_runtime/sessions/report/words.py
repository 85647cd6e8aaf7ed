"""What a report says, as sentences and figures for people; pages and terminals only lay them out."""

from __future__ import annotations

from typing import Any

from edge_runtime.common.text import printable
from edge_runtime.counting import DensityRange, RedCells, density
from edge_runtime.sessions.blank_slides import FEW_SLIDES, MicroscopeBlankRate
from edge_runtime.sessions.headline import Headline
from edge_runtime.sessions.headline import headline as of_session
from edge_runtime.sessions.numbers import number as _number
from edge_runtime.sessions.numbers import per_microlitre_up, percent, percent_up
from edge_runtime.sessions.ranking.ranked_review import REVIEWED
from edge_runtime.sessions.records import CELL, VERDICTS, Session
from edge_runtime.sessions.report.data import Report
from edge_runtime.sessions.report.left_out_words import left_out_rows
from edge_runtime.sessions.report.rank_words import ALARM, rank_rows
from edge_runtime.sessions.review import SuspectedCell
from edge_runtime.sessions.session_counts import MachineCount, leading, operating_point

NOT_ESTABLISHED = "detection limit not established on this device"
_REFUSALS = {
    "empty": "no cells",
    "focus": "out of focus",
    "saturated": "too bright",
    "exposure": "wrong exposure",
    "density": "too few or too crowded cells",
    "stain": "not stained as expected",
    "objects": "found no red cells",
    "repeat": "the same place again",
}


def headline(report: Report) -> Headline:
    """The figure that a reader takes away, see :func:`edge_runtime.sessions.headline.headline`."""
    return of_session(report.totals, report.red_cells, report.machine, report.review, report.ranked)


def machine_line(report: Report) -> str:
    """The machine's own count in one sentence, raw and corrected."""
    machine = report.machine
    summary = machine.summary
    text = f"{summary.infected:,} of {summary.counted:,} called infected: {_range(summary.raw)} raw (exact interval)"
    if machine.corrected_by is None or summary.corrected is None or summary.corrected_density is None:
        return f"{text}; not corrected: {_problem(machine)}."
    fixed = summary.corrected
    return (
        f"{text}; {_range(summary.corrected_density)} corrected for a blank rate of {percent(fixed.blank_rate)} "
        f"({fixed.blank_source}) and a sensitivity of {percent(fixed.sensitivity)} ({fixed.sensitivity_source})."
    )


def figures(report: Report) -> list[tuple[str, str]]:
    """The other counts, as label and text."""
    rows = [("Counted", _counted(report)), ("Machine", machine_line(report)), *_review(report)]
    rows += left_out_rows(report.review.outside)
    for count, summary in report.manual:
        rows.append(
            (
                "Count by eye",
                f"{count.asexual:,} of {count.counted:,} red cells ({_range(summary.raw)}), gametocytes "
                f"{count.gametocytes:,}; by {count.operator} on {count.recorded_at[:10]}.",
            )
        )
    rows.append(("Red cells", f"{report.red_cells.statement}."))
    if report.stop is not None:
        state = "reached" if report.stop.reached else "not reached"
        rows.append(("Stop rule", f"{report.stop.rule}, {state}: {report.stop.reason}"))
    return rows


def _review(report: Report) -> list[tuple[str, str]]:
    """What a person saw; shares only where all suspected cells were looked at, else the review by rank has them."""
    review = report.review
    if report.asexual is None or report.gametocytes is None:
        return [("Review", f"not begun; {_cells(review.suspected)} suspected.")]
    state = "by rank" if report.ranked.by_rank else f"{review.pending:,} of {review.suspected:,} suspected cells to go"
    found, apart = _cells(review.asexual), _cells(review.gametocytes)
    if review.complete:
        state, found = "complete", f"{found} ({_range(report.asexual.raw)})"
        apart = f"{apart} ({_range(report.gametocytes.raw)})"
    rows = [
        (
            "Review",
            f"{state}; asexual parasites in {found}, not a parasite {review.no_parasite:,}, unsure {review.unsure:,}.",
        ),
        ("Gametocytes only", f"{apart}, apart."),
    ]
    rows.append(("Side by side", "The machine's count takes gametocytes along, the reviewed one has them apart."))
    if report.ranked.pages or report.ranked.asexual is not None:
        rows += rank_rows(report.ranked)
    return rows


def detection(report: Report) -> str:
    """The limit of detection reached, or that there is none."""
    return detection_words(report.machine, report.blank, report.red_cells)


def detection_words(machine: MachineCount, blank: MicroscopeBlankRate, cells: RedCells) -> str:
    """See :func:`detection`; for a count without a report."""
    limit = machine.summary.detection
    if limit is None:
        sentence = f"{NOT_ESTABLISHED[0].upper()}{NOT_ESTABLISHED[1:]}"
        if blank.slides:
            return f"{sentence}: {_problem(machine)}."
        return f"{sentence}: no parasite-free slide was counted here with this model (thinsmear session blank)."
    called = machine.summary.infected
    slides = f"blank rate from {_number(len(blank.slides), 'slide')} of this microscope"
    if limit.limit is None:
        sentence = f"With {limit.counted:,} red cells no parasitaemia can be told from blanks ({slides})"
        return f"{sentence}; {'no number of cells would do' if limit.floor is None else 'count more'}."
    share = limit.limit
    density_text = per_microlitre_up(share * cells.per_microlitre)
    reached = f"Limit of detection of the machine's count {percent_up(share)}, {density_text}"
    verdict = (
        f"{called:,} called cells exceed what blanks explain (from {limit.threshold:,} on)"
        if called >= limit.threshold
        else f"{called:,} called cells are within what blanks explain (up to {limit.threshold - 1:,})"
    )
    return f"{reached}, with {limit.counted:,} red cells and the {slides}. {verdict}."


def not_excluded(report: Report) -> list[str]:
    """What this count leaves possible."""
    lines = []
    review, machine, ranked = report.review, report.machine.summary, report.ranked
    if report.excludes is not None:
        most = density(report.excludes, report.red_cells)
        found = "the machine called no infected cell"
        if leading(review, report.ranked) == REVIEWED:
            unsure = f" for sure, and was unsure of {_cells(review.unsure)}," if review.unsure else ""
            found = f"a reviewer found no cell with asexual parasites{unsure}"
        among, missed = f"{report.totals.cells:,}", "only if no infected cell was missed"
        if ranked.by_rank and ranked.asexual is not None and ranked.asexual.source is not None:
            among = f"{ranked.asexual.looked:,} of {ranked.asexual.counted:,} looked at"
            missed = f"as far as this slide is like the {ranked.asexual.rests_on}"
        lines.append(
            f"That {found} among {among} excludes only more than {percent_up(most.rate)} "
            f"({per_microlitre_up(most.per_microlitre)}) with 95 % confidence, and {missed}."
        )
    if machine.detection is not None and machine.detection.limit is not None:
        lines.append("Parasites below the limit of detection may be there and not be seen.")
    elif machine.detection is None:
        until = "other blank slides are" if report.blank.slides else "blank slides are"
        lines.append(f"How few parasites would be seen on this device is unknown until {until} measured.")
    lines += _nobody_looked(report)
    lines.append("Parasites elsewhere on the slide, and in cells that were left out, are in no figure here.")
    limits = report.model.details.get("limits")
    if isinstance(limits, list):
        lines.append(f"The model's own limits: {'; '.join(printable(str(limit)) for limit in limits[:10])}.")
    return lines


def _nobody_looked(report: Report) -> list[str]:
    """What is known of the cells that nobody looks at."""
    ranked, suspected = report.ranked, _rate(report, report.model.review_point, "sensitivity")
    if ranked.by_rank and ranked.rest is not None:
        return [f"By the ranking nobody looked further down. {ranked.rest.statement(report.red_cells)}"]
    if suspected is None:
        return []
    return [
        f"Cells that the model does not suspect are looked at by nobody; it suspected {percent(suspected)} of the "
        "infected cells of its held-out patients."
    ]


def quality_problems(report: Report) -> list[str]:
    """What was wrong, worst first; empty when nothing was."""
    quality, totals = report.quality, report.totals
    lines = [ALARM] if report.ranked.alarm else []
    if report.ranked.later:
        lines.append(f"{_cells(report.ranked.later)} in fields taken after the review are not reviewed.")
    if quality.refused:
        reasons = ", ".join(
            f"{_REFUSALS.get(kind, printable(kind))} {number:,}" for kind, number in quality.refused.items()
        )
        lines.append(f"{totals.refused:,} of {quality.images:,} images were refused and not counted: {reasons}.")
    if report.stop is not None and not report.stop.reached:
        lines.append(f"Fewer cells than planned: {report.stop.reason}")
    if report.review.unsure:
        lines.append(f"The reviewer was unsure of {_cells(report.review.unsure)}.")
    if totals.kind == CELL:
        lines.append("Single-cell images: the count is only as true as the choice of the cells, which was made before.")
    if 0 < len(report.blank.slides) < FEW_SLIDES:
        slides = _number(len(report.blank.slides), "blank slide")
        lines.append(f"Only {slides} measured here, so the blank rate of the next slide is hardly known.")
    if quality.excluded:
        reasons = ", ".join(f"{number:,} {printable(kind)}" for kind, number in quality.excluded.items())
        lines.append(f"Left out of the count in accepted fields: {reasons}.")
    if quality.undated:
        lines.append(f"{quality.undated:,} images were taken before the clock was set; their times may be wrong.")
    if quality.removed:
        lines.append(f"{quality.removed:,} images were removed by retention; their counts stay.")
    return lines


def model_line(report: Report) -> str:
    """The model, its operating points, and its figures on patients it has never seen."""
    model = report.model
    text = (
        f"{printable(model.name)} ({model.sha256[:12]}); cells are suspected from a score of {model.review_point:.3g} "
        f"and counted from {model.count_point:.4g} up."
    )
    metrics: Any = model.details.get("metrics")
    try:
        patients, cells = metrics["patients"]["total"], metrics["cells"]["total"]
        parts = [f"{label} {_with_interval(metrics[label.lower()])}" for label in ("accuracy", "AUC")]
    except (KeyError, TypeError):
        return f"{text} Its card holds no figures on held-out patients."
    for name in ("sensitivity", "specificity"):
        strict = operating_point(model.details, model.count_point).get(name)
        if isinstance(strict, dict):
            parts.append(f"{name} for counting {_with_interval(strict)}")
    return f"{text} On {patients} held-out patients ({cells:,} cells): {', '.join(parts)}."


def facts(report: Report) -> list[tuple[str, str]]:
    """See :func:`session_facts`."""
    return session_facts(report.session)


def session_facts(session: Session) -> list[tuple[str, str]]:
    """What a session's beginning says, as label and text; what was not given is a dash."""
    plan = session.plan
    date = session.recorded_at[:16].replace("T", " ") + " UTC"
    return [
        ("Participant", plan.participant or f"none ({plan.purpose} slide)"),
        ("Slide", plan.slide),
        ("Site", plan.site or "–"),
        ("Operator", plan.operator or "–"),
        ("Stain", plan.stain or "–"),
        ("Magnification", "–" if plan.magnification is None else f"{plan.magnification:g} x"),
        ("Begun", date if session.clock != "unset" else f"{date}, clock not set"),
        ("Software", f"thinsmear {session.software}"),
    ]


def verdict_lines(cell: SuspectedCell) -> tuple[str, str]:
    """A reviewer's verdict on one cell, and species and stage where they were given."""
    if cell.verdict is None:
        return "not reviewed", ""
    return said(cell.verdict, cell.species, cell.stage)


def said(verdict: str, species: str | None, stage: str | None) -> tuple[str, str]:
    """A verdict in words, and species and stage where they were given."""
    return VERDICTS[verdict], " ".join(part for part in (species, stage) if part)


def _problem(machine: MachineCount) -> str:
    """Why nothing is corrected, to end a sentence with."""
    return (machine.problem or "the blank slides do not fit").removesuffix(".")


def _range(shown: DensityRange) -> str:
    low, high = percent(shown.low.rate), percent_up(shown.high.rate)
    return f"{percent(shown.estimate.rate)}, {low} to {high}"


def _counted(report: Report) -> str:
    totals = report.totals
    where = _number(totals.fields, "field") if totals.fields else f"{totals.single_cells:,} single-cell images"
    return f"{totals.cells:,} red cells in {where}; {totals.suspected:,} suspected."


def _rate(report: Report, point: float, name: str) -> float | None:
    try:
        return float(operating_point(report.model.details, point)[name]["value"])
    except (KeyError, TypeError, ValueError):
        return None


def _with_interval(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def _cells(number: int) -> str:
    return _number(number, "cell")
