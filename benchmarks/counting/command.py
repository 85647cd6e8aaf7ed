"""The command ``thinsmear bench counting``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_runtime.common.console import json_option, note, verbosity_options
from edge_runtime.common.text import printable
from edge_runtime.errors import GateFailed, WrongUsage

if TYPE_CHECKING:
    from benchmarks.counting.held_out_scores import HeldOutPatients
    from edge_runtime.core.card import OutputContract

_PICTURES = (".png", ".svg")


@click.command(
    short_help="How often the intervals of a count hold the truth, and what a classifier's counts detect.",
    epilog="""\b
Examples:
  thinsmear bench counting                                        the intervals alone: a coarse look, minutes
  thinsmear bench counting --replicates 2000 --save counting.json the grid of docs/counting.md
  thinsmear bench counting RUN                                    slides of the run's held-out patients
  thinsmear bench counting RUN --teacher                          of its training patients, by the teacher's scores
  thinsmear bench counting scores.csv --point 0.67                slides from a list of held-out scores
  thinsmear bench counting RUN --blank-slides 20x2000 --plot detection.svg

Exit code 1 when a bar is missed; the grid is printed all the same. Slides have no bar; 4 where too few patients are
held out to make any.""",
)
@click.argument("scores", metavar="[RUN|CSV]...", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--replicates", metavar="N", type=click.IntRange(20, 100_000), help="A point [300; slides: 200].")
@click.option("--draws", default=2_000, show_default=True, type=click.IntRange(500, 100_000), help="An interval.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--point", metavar="P", type=click.FloatRange(0, 1), help="Counting threshold [RUN's, else the model's].")
@click.option("--model", metavar="FILE|NAME", help="Model file whose calibration and threshold a CSV takes [default].")
@click.option(
    "--teacher", is_flag=True,
    help="RUN's training patients instead, by its teacher's scores: sisters of the network, but many more patients.",
)  # fmt: skip
@click.option(
    "--blank-slides", default="10x1000", show_default=True, metavar="KxN",
    help="Blank slides of a microscope, and red cells on each.",
)  # fmt: skip
@click.option("--save", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here.")
@click.option(
    "--plot", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Draw the slides; .png or .svg."
)
@json_option
@verbosity_options
def counting(
    scores: tuple[Path, ...],
    replicates: int | None,
    draws: int,
    seed: int,
    point: float | None,
    model: str | None,
    teacher: bool,
    blank_slides: str,
    save: Path | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Simulate slides of known parasitaemia and print how often the corrected 95 % interval holds it.

    Without arguments the classifier is made up: rows are blank rates (with and without a spread between slides) and
    cells counted, columns the infected cells expected among them. Rows with a star break an assumption on purpose or
    have little validation data; the bars do not apply to them.

    With a RUN (or a CSV of label, patient, and probability or logit) slides are made of its held-out patients: the
    test part and the run's own folds. Each slide has the sensitivity of one infected patient and a blank rate of its
    own, from a beta-binomial fitted to the healthy patients.
    """
    from benchmarks.harness.envelope import check_folder

    for path in (save, plot):
        check_folder(path)
    if plot is not None and (not scores or plot.suffix.lower() not in _PICTURES):
        raise WrongUsage("--plot draws slides, so it needs a RUN or CSV, and its file ends in .png or .svg.")
    if scores:
        from benchmarks.counting.held_out_scores import read_held_out

        known = _blank_slides(blank_slides)
        held_out = read_held_out(scores, point, lambda: _card(model), teacher)
        _slides(held_out, known, replicates or 200, draws, seed, plot, as_json, save)
        return
    if point is not None or model is not None or teacher:
        raise WrongUsage("--point, --model and --teacher are about slides; name a RUN or a CSV of scores.")
    _intervals(replicates or 300, draws, seed, save, as_json)


def _intervals(replicates: int, draws: int, seed: int, save: Path | None, as_json: bool) -> None:
    from benchmarks.counting.coverage import BEYOND, SCENARIOS, coverage_grid
    from benchmarks.counting.section import section
    from benchmarks.harness.envelope import deliver
    from benchmarks.report.forms import text

    chosen = (*SCENARIOS, *BEYOND)
    grid = coverage_grid(
        chosen, replicates=replicates, draws=draws, seed=seed, done=lambda one: note(f"Simulated {one.name}.")
    )
    deliver("counting", grid.to_json(), lambda made: text(section(made)), as_json, save)
    if not grid.passed:
        raise GateFailed(
            f"The coverage is outside its bars (mean {grid.mean:.3f}, least {grid.least:.3f}); with few replicates the "
            "least one falls by chance, so repeat with --replicates 2000 before you believe it."
        )


def _slides(
    held_out: HeldOutPatients,
    blank_slides: tuple[int, int],
    slides: int,
    draws: int,
    seed: int,
    plot: Path | None,
    as_json: bool,
    save: Path | None,
) -> None:
    from benchmarks.counting.simulated_slides import simulate_slides
    from benchmarks.counting.slides_section import section
    from benchmarks.harness.envelope import deliver
    from benchmarks.report.forms import text
    from benchmarks.report.page import draw
    from edge_runtime.common.files import write_atomically

    study = simulate_slides(
        held_out, slides, blank_slides, draws=draws, seed=seed,
        done=lambda one: note(f"Simulated: blank rate {one.truth}, {one.slides} {one.known_from}."),
    )  # fmt: skip
    document = deliver("slides", study.to_json(), lambda made: text(section(made)), as_json, save)
    drawn = None if plot is None else draw(section(document), plot.suffix.lower()[1:])
    if plot is not None and drawn is not None:
        write_atomically(plot, drawn)
        note(f"Wrote {printable(plot)}.")


def _card(model: str | None) -> tuple[OutputContract, float]:
    """Calibration and counting threshold of a model file."""
    from edge_runtime.core.model_file import open_model

    card = open_model(model or "default").card
    if card is None:
        raise WrongUsage("The model has no card, so no calibration and no threshold; give --point and probabilities.")
    return card.output, card.points.count


def _blank_slides(text: str) -> tuple[int, int]:
    """(slides, cells on each) from text such as ``10x1000``."""
    slides, _, cells = text.lower().partition("x")
    if not (slides.isdecimal() and cells.isdecimal() and 1 <= int(slides) <= 1_000 and 1 <= int(cells) <= 1_000_000):
        raise WrongUsage(f"The blank slides are {text!r}; write slides and red cells on each, for instance 10x1000.")
    return int(slides), int(cells)
