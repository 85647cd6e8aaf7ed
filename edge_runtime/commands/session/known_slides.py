"""``thinsmear session blank`` and ``session positive``: slides of known truth, which say what this microscope sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edge_runtime.commands.session import actions, known_slide_views, views
from edge_runtime.commands.session.options import (
    MEGABYTE,
    free_option,
    image_options,
    plan_options,
    store_option,
    with_all,
)
from edge_runtime.common.console import json_option, verbosity_options
from edge_runtime.common.text import printable
from edge_runtime.errors import WrongUsage
from edge_runtime.sessions.records import CELL, FIELD
from edge_runtime.sessions.store.opening import open_store


@click.command(short_help="Measure the blank rate of this microscope.")
@click.argument("slide", required=False)
@click.argument("paths", metavar="[PATH...]", nargs=-1, type=click.Path())
@click.option(
    "--limit", metavar="PER_UL", type=click.FloatRange(1, 5_000_000),
    help="Also say how many red cells give this limit of detection.",
)  # fmt: skip
@click.option("--discard", metavar="SLIDE", help="Let no count rest on SLIDE any more: it was no blank, or spoilt.")
@with_all(plan_options)
@with_all(image_options)
@store_option
@free_option
@json_option
@verbosity_options
def blank(
    slide: str | None,
    paths: tuple[str, ...],
    limit: float | None,
    discard: str | None,
    single: bool,
    model: str | None,
    folder: Path | None,
    min_free: int,
    as_json: bool,
    **plan: Any,
) -> None:
    """Add images of SLIDE, which is known to hold no parasites, and print the blank rate; without SLIDE just print it.

    Until it is measured on several such slides with the model in use, reports give no limit of detection. Take slides
    of people who cannot have malaria, prepared and stained as all others, and photograph them as all others.
    """
    _check(slide, paths, discard)
    from edge_runtime.inspection.opening import open_classifier
    from edge_runtime.sessions.blank_slides import blank_session, discard_blank

    with open_store(folder, create=slide is not None, min_free=min_free * MEGABYTE) as store:
        classifier = open_classifier(model)
        if slide is not None:
            chosen = blank_session(store, slide, classifier.model.sha256, CELL if single else FIELD, plan)
            view = views.AddView(store, chosen, as_json=False, quiet=True)
            actions.add_images_to(store, chosen, paths, single, model, view)
        if discard is not None:
            discard_blank(store, discard)
        known_slide_views.show_blank(store, classifier, single, as_json, limit)


@click.command(short_help="Measure what this microscope's ranking finds.")
@click.argument("slide", required=False)
@click.argument("paths", metavar="[PATH...]", nargs=-1, type=click.Path())
@click.option("--discard", metavar="SLIDE", help="Let no curve rest on SLIDE any more: it was mixed up, or spoilt.")
@with_all(plan_options)
@with_all(image_options)
@store_option
@free_option
@json_option
@verbosity_options
def positive(
    slide: str | None,
    paths: tuple[str, ...],
    discard: str | None,
    single: bool,
    model: str | None,
    folder: Path | None,
    min_free: int,
    as_json: bool,
    **plan: Any,
) -> None:
    """Add images of SLIDE, which is known to hold parasites, and list such slides; without SLIDE just list them.

    Then look at every cell of SLIDE once. Slides of 1,000 cells or more, 10 of them infected or more, say which part of
    the infected cells is among those that a review by rank looks at; from five of them on their figures lead.
    """
    _check(slide, paths, discard)
    from edge_runtime.inspection.opening import open_classifier
    from edge_runtime.sessions.control_slides import discard_positive, positive_session

    with open_store(folder, create=slide is not None, min_free=min_free * MEGABYTE) as store:
        classifier = open_classifier(model)
        chosen = None
        if slide is not None:
            chosen = positive_session(store, slide, classifier.model.sha256, CELL if single else FIELD, plan)
            view = views.AddView(store, chosen, as_json=False, quiet=True)
            actions.add_images_to(store, chosen, paths, single, model, view)
        if discard is not None:
            discard_positive(store, discard)
        known_slide_views.show_positive(store, classifier, single, as_json, chosen)


def _check(slide: str | None, paths: tuple[str, ...], discard: str | None) -> None:
    """WrongUsage when there is nothing to add to a slide, or one is to be added to and another discarded at once."""
    if slide is not None and not paths:
        raise WrongUsage(f"There is no image of slide {printable(slide)} to add; name files or folders.")
    if slide is not None and discard is not None:
        raise WrongUsage("Discard a slide and add images of another one with two commands.")
