"""``thinsmear classify``: cell images to labels, scores and decisions."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.common.console import (
    accelerator_option,
    emit_json,
    is_verbose,
    json_option,
    note,
    progress,
    verbosity_options,
)
from edge_runtime.common.text import printable, text
from edge_runtime.core.card import RESEARCH_USE
from edge_runtime.core.lines import cell_line, error_line
from edge_runtime.errors import BadImage, WrongUsage

if TYPE_CHECKING:
    from edge_runtime.core.classifier import CellResult, Classifier
    from edge_runtime.core.sources import Found, Source

    Outcome = tuple[Source, "CellResult | BadImage"]

_MAX_LIST_BYTES = 256 << 20
CHUNK = 8  # files handed to an interpreter at a time: some 20 ms of work on a computer, 100 on a Raspberry Pi


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
@click.option("--labels", metavar="A,B", help="For models without a card: class names in the order of the outputs.")
@click.option("--positive", metavar="LABEL", help="For models without a card: the label that means parasitized.")
@click.option(
    "--input-range",
    type=click.Choice(["0..1", "-1..1", "0..255"]),
    help="For models without a card: what pixels 0..255 became in training.",
)
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
    labels: str | None,
    positive: str | None,
    input_range: str | None,
    as_json: bool,
) -> None:
    """Classify images of single red blood cells, black outside the cell, or with --field whole microscope fields.

    PATH is an image file, a folder (searched with all below it), a glob in quotes, or - for one image on standard
    input. The score is the calibrated probability of a parasite, on the training cells' half-and-half mix.
    """
    from edge_runtime.core.pool import ordered_map

    if not whole and (overlay or crops):
        raise WrongUsage("--overlay and --crops go with --field; single cells need neither.")
    found = _find(paths, files_from)
    if whole:
        from edge_runtime.commands.classify.whole_fields import Pictures, print_fields, read_fields
        from edge_runtime.fields.opencv import opencv

        opencv()  # its absence is said before a model is loaded
        pictures = Pictures(overlay, crops)
        pictures.prepare(len(found.sources))
    first = _open(model, accelerator, labels, positive, input_range)
    # an Edge TPU runs one model at a time: more interpreters would only wait for each other
    count = 1 if first.on_edgetpu else threads if whole else min(threads, len(found.sources))
    classifiers = [first, *(first.twin() for _ in range(count - 1))]
    if is_verbose():
        note(f"{first.units}; {first.interpreter.name} {first.interpreter.version}, {count} at a time")
    outcomes: Iterable[Any]
    if whole:
        outcomes = read_fields(classifiers, found.sources, pictures)
    else:
        chunk = max(1, min(CHUNK, len(found.sources) // (4 * count)))
        outcomes = ordered_map(_classify_one, classifiers, found.sources, chunk)

    def show(items: Iterable[Any]) -> Counter[str]:
        return print_fields(items, first.model.id, as_json) if whole else _print_all(items, first, as_json)

    if sys.stdout.isatty():
        tally = show(outcomes)
    else:
        with progress(outcomes, "classify", len(found.sources)) as shown:
            tally = show(shown)
    if found.others:
        note(f"{found.others} other files in the folders were left out (not images by their ending, or hidden).")
    if tally["bad"]:
        click.get_current_context().exit(1)


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


def _open(
    model: str | None, accelerator: str, labels: str | None, positive: str | None, input_range: str | None
) -> Classifier:
    from edge_runtime.core.classifier import Classifier
    from edge_runtime.core.model_file import find_model, read_model_file

    file = read_model_file(find_model(model))
    if file.card is not None:
        if labels or positive or input_range:
            raise WrongUsage("The model has a card that says it all; leave --labels, --positive and --input-range out.")
        return Classifier(file, accelerator=accelerator)
    names = [label.strip() for label in labels.split(",")] if labels else list(file.labels)
    if not names or input_range is None:
        raise WrongUsage(
            f"{printable(file.path)} has no card; say what it is with --labels A,B (in the order of its outputs) "
            "and --input-range."
        )
    from edge_runtime.inspection.cardless import describe

    card, pair = describe(file.flatbuffer, names, input_range, positive)
    return Classifier(file, card=card, labels=pair, accelerator=accelerator)


def _classify_one(classifier: Classifier, source: Source) -> Outcome:
    from edge_runtime.core.images import load_image
    from edge_runtime.core.sources import STDIN

    if source.problem is not None:
        return source, source.problem
    try:
        image = load_image(sys.stdin.buffer if source.path == STDIN else source.path)
        return source, classifier.classify(image)
    except BadImage as error:
        return source, error


def _print_all(outcomes: Iterable[Outcome], classifier: Classifier, as_json: bool) -> Counter[str]:
    """Print each outcome as it comes; count labels, reviews, counts and bad files."""
    tally: Counter[str] = Counter()
    show = _json_line(classifier) if as_json else _table_line(classifier)
    for source, outcome in outcomes:
        show(source, outcome)
        if isinstance(outcome, BadImage):
            tally["bad"] += 1
        else:
            tally["cells"] += 1
            tally[outcome.label] += 1
            tally["review"] += outcome.review
            tally["count"] += outcome.count
    if not as_json:
        click.echo(_summary(tally, classifier))
    return tally


def _json_line(classifier: Classifier) -> Callable[[Source, CellResult | BadImage], None]:
    model = classifier.model.id

    def show(source: Source, outcome: CellResult | BadImage) -> None:
        shown = text(source.path)
        emit_json(error_line(shown, outcome) if isinstance(outcome, BadImage) else cell_line(shown, outcome, model))

    return show


def _table_line(classifier: Classifier) -> Callable[[Source, CellResult | BadImage], None]:
    """Rows are printed one by one, so the columns have fixed widths and the name, which may be long, stands last."""
    width = max(5, *map(len, classifier.labels))
    click.echo(f"{'label':{width}}  score   review  count  source")
    click.echo(f"{'-' * width}  ------  ------  -----  ------")

    def show(source: Source, outcome: CellResult | BadImage) -> None:
        if isinstance(outcome, BadImage):
            click.echo(f"skipped: {outcome}", err=True)
            return
        review, count = ("yes" if flag else "no" for flag in (outcome.review, outcome.count))
        click.echo(
            f"{outcome.label:{width}}  {outcome.probability:.4f}  {review:6}  {count:5}  {printable(source.path)}"
        )

    return show


def _summary(tally: Counter[str], classifier: Classifier) -> str:
    negative, positive = classifier.labels
    cells = tally["cells"]
    line = (
        f"\n{cells} {'cell' if cells == 1 else 'cells'}: {tally[positive]} {positive}, {tally[negative]} {negative}; "
        f"{tally['review']} to review, {tally['count']} to count; model {classifier.model.id}."
    )
    if tally["bad"]:
        line += f" {tally['bad']} could not be read."
    return f"{line}\n{RESEARCH_USE}"
