"""How slides of known truth look on the terminal: blank rates, control slides, capture curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edge_runtime.common.console import emit_json, table
from edge_runtime.counting import CaptureCheck, KnownSlides, cells_for_limit, detection_limit, exact, red_cells
from edge_runtime.sessions import clock as clocks
from edge_runtime.sessions.blank_slides import FEW_SLIDES, MicroscopeBlankRate, blank_rate
from edge_runtime.sessions.control_slides import ControlSlides, control_slides
from edge_runtime.sessions.numbers import percent, percent_up
from edge_runtime.sessions.ranking.ranked_review import running_check
from edge_runtime.sessions.records import CELL, FIELD, ModelRecord
from edge_runtime.sessions.report import words
from edge_runtime.sessions.session_counts import card_sensitivity

if TYPE_CHECKING:
    from edge_runtime.core.classifier import Classifier
    from edge_runtime.sessions.records import Session
    from edge_runtime.sessions.store.store import Store

_PLANNED = (1_000, 5_000, 10_000)  # cells for which a blank rate's limit of detection is shown
_DEPTHS = (0.01, 0.02, 0.05)  # of a slide's healthy cells, at which a capture curve is shown


def show_blank(store: Store, classifier: Classifier, single: bool, as_json: bool, wanted: float | None = None) -> None:
    """The blank rate of this device, and the limits of detection that it allows.

    Args:
        wanted: limit of detection, in infected cells per microlitre of usual blood, to say the red cells for.
    """
    model = ModelRecord.of(classifier)
    blank = blank_rate(store, model.sha256, clocks.device_id(), CELL if single else FIELD, read=True)
    known, sensitivity = blank.known, card_sensitivity(model.details, model.count_point)
    limits = [] if known is None else [detection_limit(cells, known, sensitivity) for cells in _PLANNED]
    plan = None
    if known is not None and wanted is not None:
        plan = cells_for_limit(1, wanted / red_cells().per_microlitre, known, sensitivity)
    if as_json:
        planned = {} if wanted is None else {"planned": None if plan is None else plan.to_json()}
        emit_json({**blank.to_json(), "detection": [limit.to_json() for limit in limits], **planned})
        return
    if known is None:
        click.echo(f"{words.NOT_ESTABLISHED}: no blank slide was counted here with model {blank.model}.")
        return
    rows = [(slide.slide, f"{slide.cells:,}", f"{slide.infected:,}") for slide in blank.slides]
    click.echo(table(("blank slide", "cells", "called infected"), rows, right=(1, 2)))
    click.echo(f"\n{_blank_line(blank)}")
    if blank.reader is not None:
        click.echo(_reader_line(blank.reader))
    for limit in limits:
        reached = "none" if limit.limit is None else percent_up(limit.limit)
        click.echo(f"limit of detection with {limit.counted:,} cells: {reached}")
    if plan is not None and wanted is not None:
        click.echo(f"for {wanted:,.0f} infected cells per microlitre ({red_cells().statement}): {plan.reason}")


def show_positive(store: Store, classifier: Classifier, single: bool, as_json: bool, chosen: Session | None) -> None:
    """The control slides of this device, what a ranking finds on them, and what the audits of reviews say of it.

    Args:
        chosen: the session that images were added to, None for none.
    """
    model, device, kind = ModelRecord.of(classifier), clocks.device_id(), CELL if single else FIELD
    with store.reading():
        found = control_slides(store, model.sha256, device, kind)
        check = running_check(store, model.sha256, device, kind)
    if as_json:
        session = {} if chosen is None else {"session": chosen.code}
        emit_json({**session, **found.to_json(), "check": None if check is None else check.to_json()})
        return
    if not found.slides:
        click.echo(f"No positive control slide was counted here with model {found.model}.")
        return
    rows = [
        (
            slide.slide,
            slide.session,
            f"{slide.cells:,}",
            f"{slide.looked:,}",
            f"{slide.infected:,}",
            slide.lacks or "used",
        )
        for slide in found.slides
    ]
    click.echo(table(("control slide", "session", "cells", "looked at", "infected", "state"), rows, right=(2, 3, 4)))
    click.echo(f"\n{_curve_line(found)}")
    if check is not None:
        click.echo(_check_line(check))


def _blank_line(blank: MicroscopeBlankRate) -> str:
    cells, infected = (sum(getattr(slide, name) for slide in blank.slides) for name in ("cells", "infected"))
    sure = exact(infected, cells)
    spread = blank.known.between_slide_sd if blank.known is not None else None
    between = "unknown with one slide" if spread is None else percent(spread)
    return (
        f"Blank rate {percent(infected / cells)} (95 % interval {percent(sure.low)} to "
        f"{percent_up(sure.high)} if slides do not differ; standard deviation between slides: {between}), "
        f"model {blank.model}, device {blank.device}."
    )


def _reader_line(reader: KnownSlides) -> str:
    read, cells = sum(reader.positives), sum(reader.cells)
    sure = exact(read, cells)
    return (
        f"A person with the machine called {read:,} of {cells:,} cells infected on {len(reader.cells)} of them: "
        f"{percent(read / cells)} (95 % interval {percent(sure.low)} to {percent_up(sure.high)})."
    )


def _curve_line(found: ControlSlides) -> str:
    curve = found.curve
    if curve is None:
        return "No slide can be used yet; look at every cell of each once."
    few = "" if len(curve.found) >= FEW_SLIDES else f"; from {FEW_SLIDES} slides on their curve leads the model card's"
    shares = ", ".join(f"{percent(curve.share(depth))} in the top {percent(depth)}" for depth in _DEPTHS)
    return f"Of {sum(curve.infected):,} infected cells on {len(curve.found)} slides {shares}{few}."


def _check_line(check: CaptureCheck) -> str:
    found = "no parasite" if check.captured is None else f"{percent(check.captured)} of the parasites"
    claimed = "" if check.claimed is None else f", {percent(check.claimed)} claimed"
    warning = "; the curve claims too much for this device, so review more" if check.overstated else ""
    return (
        f"By {check.audited:,} random cells of the rest on {check.slides} slides the reviews found {found} "
        f"(95 % interval {percent(check.low)} to {percent(check.high)}{claimed}){warning}."
    )
