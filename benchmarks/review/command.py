"""The command ``thinsmear bench review``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.common.console import json_option, note, progress, verbosity_options
from edge_runtime.common.text import printable
from edge_runtime.errors import WrongUsage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.review.slides import ReviewSlide
    from edge_runtime.core.card import Card
    from edge_runtime.core.model_file import ModelFile
    from edge_runtime.counting import CaptureCurve

_PICTURES = (".png", ".svg")
_PRESETS = {"quick": 60, "standard": 440}


@click.command(
    short_help="What a review by rank costs, and how far its count holds.",
    epilog="""\b
Examples:
  thinsmear bench review fields/                        pseudo slides of neighbouring annotated fields
  thinsmear bench review fields/ --by 'slide(\\d+)'      slides by what their names hold
  thinsmear bench review scores.csv                     a slide for each held-out patient
  thinsmear bench review fields/ --curve curves.json    also by a capture curve of elsewhere
  thinsmear bench review fields/ --replicates 2200 --plot review.svg --save review.json
  thinsmear bench review fields/ --save-curve curves.json

Exit code 4 where DATA make fewer than three slides.""",
)
@click.argument("data", metavar="FIELDS|CSV|RUN", type=click.Path(exists=True, path_type=Path))
@click.option("--model", metavar="FILE|NAME", help="Model file, or the name of one that comes along [default].")
@click.option("--by", metavar="REGEX", help="What names the slide in an image's name [runs of about 9 neighbours].")
@click.option("--preset", type=click.Choice(list(_PRESETS)), default="standard", show_default=True, help="How long.")
@click.option("--replicates", metavar="N", type=click.IntRange(10, 100_000), help="Slides drawn [quick: 60; 440].")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option(
    "--curve", "curve_file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
    help="Also with the model's curve in this file of --save-curve.",
)  # fmt: skip
@click.option(
    "--save-curve", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
    help="Write these slides' capture curve, as of another laboratory, into this file of curves by model.",
)  # fmt: skip
@click.option("--save", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here.")
@click.option("--plot", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Draw; .png or .svg.")
@json_option
@verbosity_options
def review(
    data: Path,
    model: str | None,
    by: str | None,
    preset: str,
    replicates: int | None,
    seed: int,
    curve_file: Path | None,
    save_curve: Path | None,
    save: Path | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Review slides of known truth by rank, and print what it costs and how far the count holds.

    FIELDS is a folder of annotated fields (as for bench fields): their cells are found and scored as the device does,
    and the annotation is the reviewer. A CSV of label, patient, and probability or logit, or a RUN, gives a slide for
    each held-out patient with 10 infected and 50 healthy cells.
    """
    from benchmarks.harness.envelope import check_folder, deliver
    from benchmarks.report.forms import text
    from benchmarks.report.page import draw
    from benchmarks.review.curve_file import add_curve, read_curve
    from benchmarks.review.section import section
    from benchmarks.review.slides import curve_of
    from edge_runtime.common.files import write_atomically
    from edge_runtime.core.model_file import open_model
    from edge_runtime.counting import CurveSource

    for path in (save, plot, save_curve):
        check_folder(path)
    if plot is not None and plot.suffix.lower() not in _PICTURES:
        raise WrongUsage(f"The picture {printable(plot)} ends in neither .png nor .svg.")
    file = open_model(model)
    given = None if curve_file is None else read_curve(curve_file, _digest(file))
    slides, fields = _slides(data, file, by)
    payload = _measured(slides, file, replicates or _PRESETS[preset], seed, given)
    payload["fields"] = fields
    document = deliver("review", payload, lambda made: text(section(made)), as_json, save)
    if save_curve is not None:
        add_curve(save_curve, _digest(file), curve_of(slides, CurveSource.OTHERS))
    drawn = None if plot is None else draw(section(document), plot.suffix.lower()[1:])
    if plot is not None and drawn is not None:
        write_atomically(plot, drawn)
        note(f"Wrote {printable(plot)}.")


def _slides(data: Path, file: ModelFile, by: str | None) -> tuple[list[ReviewSlide], dict[str, int] | None]:
    """The slides, and of fields how many were read and accepted."""
    from benchmarks.review.slides import patient_slides, require_slides

    if data.is_file() or (data / "scores.csv").is_file():
        from benchmarks.harness.patient_scores import read_patient_scores

        if by is not None:
            raise WrongUsage("--by is about the names of fields; a list of scores has a column patient.")
        slides, fields = patient_slides(read_patient_scores([data], lambda: _card(file).output)), None
    else:
        slides, fields = _field_slides(data, file, by)
    require_slides(slides)
    return slides, fields


def _field_slides(data: Path, file: ModelFile, by: str | None) -> tuple[list[ReviewSlide], dict[str, int]]:
    from benchmarks.harness.annotations import read_truth
    from benchmarks.review.field_scores import read_scores, slides_of
    from benchmarks.review.slides import grouped, runs
    from edge_runtime.inspection.opening import open_classifier
    from train.data.cache import default_cache

    truths = read_truth(data)
    paths = [truth.path for truth in truths]
    groups = runs(paths) if by is None else grouped(paths, by)
    with progress(truths, "fields", len(truths)) as shown:
        scores = read_scores(shown, open_classifier(file), default_cache())
    counts = {"read": len(scores), "accepted": sum(one.accepted for one in scores)}
    return slides_of(truths, scores, groups), counts


def _measured(
    slides: Sequence[ReviewSlide], file: ModelFile, replicates: int, seed: int, given: CaptureCurve | None
) -> dict[str, Any]:
    from benchmarks.review.drawn import PAGE
    from benchmarks.review.limits import capture, limits
    from benchmarks.review.study import COUNTED, LOOKED, Plan, measure, plan_json
    from edge_runtime.counting import red_cells
    from edge_runtime.counting.enough import RUN

    points = _card(file).points
    plan = Plan(replicates, seed, points.review, given)
    measured = measure(slides, plan, done=lambda share: note(f"Reviewed slides of {100 * share:g} % infected cells."))
    return {
        "model": file.id,
        "slides": [
            {"infected": len(slide.infected), "healthy": len(slide.healthy), "unseen": slide.unseen} for slide in slides
        ],
        "counted": COUNTED,
        "page": PAGE,
        "run": RUN,
        "red_cells_per_microlitre": red_cells().per_microlitre,
        "plan": plan_json(plan),
        "capture": capture(slides),
        "looked_axis": list(LOOKED),
        **measured,
        "limits": limits(slides, points, COUNTED),
    }


def _card(file: ModelFile) -> Card:
    if file.card is None:
        raise WrongUsage(f"{printable(file.path)} has no card, so no review point; name a model with a card.")
    return file.card


def _digest(file: ModelFile) -> str:
    """SHA-256 of the flatbuffer, which a new card does not change."""
    return str(_card(file).details["flatbuffer_sha256"])
