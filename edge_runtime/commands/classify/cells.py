"""``thinsmear classify``: images of one cell each to lines and tables."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from edge_runtime.common.console import emit_json
from edge_runtime.common.text import as_utf8, printable
from edge_runtime.core.card import RESEARCH_USE
from edge_runtime.core.lines import cell_line, error_line
from edge_runtime.errors import BadImage

if TYPE_CHECKING:
    from edge_runtime.core.classifier import CellResult, Classifier
    from edge_runtime.core.images import Reading
    from edge_runtime.core.sources import Source

    CellOutcome = tuple[Source, "CellResult | BadImage"]

CHUNK = 8  # files handed to an interpreter at a time: some 20 ms of work on a computer, 100 on a Raspberry Pi


class SingleCells:
    """Each image is one cell.

    Args:
        reading: how files are read.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def prepare(self, images: int) -> None:
        """Nothing is in the way."""

    def side_by_side(self, threads: int, images: int) -> int:
        """Interpreters for so many threads and images: no more than one an image."""
        return min(threads, images)

    def read(self, classifiers: list[Classifier], sources: Sequence[Source]) -> Iterator[CellOutcome]:
        """Classify all, in their order."""
        from edge_runtime.core.pool import ordered_map

        chunk = max(1, min(CHUNK, len(sources) // (4 * len(classifiers))))
        return ordered_map(partial(_classify_one, self._reading), classifiers, sources, chunk)

    def show(self, outcomes: Iterable[CellOutcome], classifier: Classifier, as_json: bool) -> Counter[str]:
        """Print each as it comes; count labels, reviews, counts and bad files."""
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


def _classify_one(reading: Reading, classifier: Classifier, source: Source) -> CellOutcome:
    from edge_runtime.core.deep_pixels import refuse_dark
    from edge_runtime.core.images import load_image
    from edge_runtime.core.sources import STDIN

    if source.problem is not None:
        return source, source.problem
    try:
        image = load_image(sys.stdin.buffer if source.path == STDIN else source.path, reading=reading)
        refuse_dark(image, printable(source.path))
        return source, classifier.classify(image)
    except BadImage as error:
        return source, error


def _json_line(classifier: Classifier) -> Callable[[Source, CellResult | BadImage], None]:
    model = classifier.model.id

    def show(source: Source, outcome: CellResult | BadImage) -> None:
        shown = as_utf8(source.path)
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
