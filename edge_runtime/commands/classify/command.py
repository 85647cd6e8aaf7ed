"""``thinsmear classify``: images to labels, scores and decisions; what an image shows is up to its mode."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from edge_runtime.commands.options import cardless_options
from edge_runtime.common.console import (
    accelerator_option,
    is_quiet,
    is_verbose,
    json_option,
    note,
    progress,
    verbosity_options,
)
from edge_runtime.common.text import printable
from edge_runtime.errors import WrongUsage

if TYPE_CHECKING:
    from edge_runtime.core.classifier import Classifier
    from edge_runtime.core.sources import Found, Source
    from edge_runtime.inspection.opening import ModelDescription

Outcome = TypeVar("Outcome")
_MAX_LIST_BYTES = 256 << 20


class Mode(Protocol[Outcome]):
    """What is done with an image: :class:`~.cells.SingleCells` or :class:`~.whole_fields.WholeFields`."""

    def prepare(self, images: int) -> None:
        """Refuse what cannot be done, before a model is loaded."""

    def side_by_side(self, threads: int, images: int) -> int:
        """Interpreters for so many threads and images."""

    def read(self, classifiers: list[Classifier], sources: Sequence[Source]) -> Iterator[Outcome]:
        """What is found in each image, in their order; each classifier is used by one thread."""

    def show(self, outcomes: Iterable[Outcome], classifier: Classifier, as_json: bool) -> Counter[str]:
        """Print each outcome as it comes; count them, those that could not be read as "bad"."""


@click.command(
    short_help="Classify cell images.",
    epilog="""\b
Examples:
  thinsmear classify cell.png                       one cell
  thinsmear classify smears/ --json > cells.jsonl   a folder and all below it, a line of JSON each
  thinsmear classify 'day1/*.png' --threads 4       a glob, four cells at a time
  cat cell.png | thinsmear classify -               one image from standard input
  find . -name '*.png' -print0 | thinsmear classify --files-from -
  thinsmear classify --field smear.jpg --overlay marked.png --crops suspected/
  thinsmear classify --model other.tflite --labels Parasitized,Uninfected --input-range 0..1 cell.png

Exit code 1 when some images could not be read (the others are done), 2 when there is nothing to work on.""",
)
@click.argument("paths", metavar="PATH...", nargs=-1, type=click.Path())
@click.option("--field", "whole", is_flag=True, help="The images are whole fields: find the cells in them.")
@click.option(
    "--overlay",
    metavar="OUT.png",
    type=click.Path(path_type=Path),
    help="With --field: draw what was found (a folder, for several fields).",
)
@click.option(
    "--crops",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="With --field: save the suspected cells, numbered as in the overlay.",
)
@click.option("--model", metavar="FILE|NAME", help="Model file, or the name of one that comes along [default].")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 256), help="Cells at a time.")
@accelerator_option
@click.option(
    "--files-from", metavar="FILE", type=click.Path(), help="Also classify the paths listed in FILE (- for stdin)."
)
@click.option(
    "--page", metavar="N", type=click.IntRange(1, 100_000), help="Of files with several pictures, the N-th [1]."
)
@cardless_options
@json_option
@verbosity_options
def classify(
    paths: tuple[str, ...],
    whole: bool,
    overlay: Path | None,
    crops: Path | None,
    model: str | None,
    threads: int,
    accelerator: str,
    files_from: str | None,
    page: int | None,
    description: ModelDescription,
    as_json: bool,
) -> None:
    """Classify images of single red blood cells, black outside the cell, or with --field whole microscope fields.

    PATH is an image file, a folder (searched with all below it), a glob in quotes, or - for one image on standard
    input. The score is the calibrated probability of a parasite, on the training cells' half-and-half mix.
    """
    if not whole and (overlay or crops):
        raise WrongUsage("--overlay and --crops go with --field; single cells need neither.")
    found = _find(paths, files_from)
    mode = _mode(whole, overlay, crops, page)
    mode.prepare(len(found.sources))
    from edge_runtime.inspection.opening import open_classifier

    first = open_classifier(model, accelerator, description)
    # an Edge TPU runs one model at a time: more interpreters would only wait for each other
    count = 1 if first.on_edgetpu else mode.side_by_side(threads, len(found.sources))
    if is_verbose():
        from edge_runtime.inspection.compute_units import compute_units_of

        runtime = first.interpreter
        note(f"{compute_units_of(first)}; {runtime.name} {runtime.version}, {count} at a time")
    outcomes = mode.read(first.side_by_side(count), found.sources)
    if sys.stdout.isatty():
        tally = mode.show(outcomes, first, as_json)
    else:
        with progress(outcomes, "classify", len(found.sources)) as shown:
            tally = mode.show(shown, first, as_json)
    if found.others:
        note(f"{found.others} other files in the folders were left out (not images by their ending, or hidden).")
    if tally["bad"]:
        click.get_current_context().exit(1)


def _mode(whole: bool, overlay: Path | None, crops: Path | None, page: int | None) -> Mode[Any]:
    """What an image shows: one cell, or a whole field."""
    from edge_runtime.core.images import Reading

    reading = Reading(page=page, tell=None if is_quiet() else note)
    if whole:
        from edge_runtime.commands.classify.whole_fields import Pictures, WholeFields

        return WholeFields(Pictures(overlay, crops), reading)
    from edge_runtime.commands.classify.cells import SingleCells

    return SingleCells(reading)


def _find(paths: tuple[str, ...], files_from: str | None) -> Found:
    from edge_runtime.core.sources import STDIN, find_sources, read_list

    names = list(paths)
    if paths.count(STDIN) + (files_from == STDIN) > 1:
        raise WrongUsage("Standard input can be read only once; use - for one image, or --files-from -, not both.")
    if (STDIN in paths or files_from == STDIN) and sys.stdin.isatty():
        raise WrongUsage("Standard input is the keyboard; pipe something into the command, or name files.")
    if files_from is not None:
        with click.open_file(files_from, "rb") as stream:
            content = stream.read(_MAX_LIST_BYTES + 1)
        if len(content) > _MAX_LIST_BYTES:
            raise WrongUsage(f"The list {printable(files_from)} has more than {_MAX_LIST_BYTES:,} bytes; split it.")
        names += read_list(content)
    found = find_sources(names)
    if not found.sources:
        where = f"; {found.others} other files were passed over" if found.others else ""
        raise WrongUsage(f"There is no image to classify{where}; name image files or folders that hold some.")
    return found
