"""``thinsmear classify --field``: whole fields to lines, tables, overlays and pictures of the suspected cells."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import click

from edge_runtime.common.console import emit_json
from edge_runtime.common.files import clear_leftovers
from edge_runtime.common.text import as_utf8, printable
from edge_runtime.core.card import RESEARCH_USE
from edge_runtime.core.lines import Document, error_line
from edge_runtime.core.sources import STDIN
from edge_runtime.errors import BadImage, WrongUsage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_runtime.core.classifier import Classifier
    from edge_runtime.core.images import Reading
    from edge_runtime.core.sources import Source
    from edge_runtime.fields import FieldReader, FieldResult

    FieldOutcome = tuple[Source, "FieldResult | BadImage"]


@dataclass(frozen=True)
class Pictures:
    """Where pictures of fields go.

    Attributes:
        overlay: a PNG file for the one field there is, or a folder; None for no overlays.
        crops: folder for suspected cells; None for none.
    """

    overlay: Path | None = None
    crops: Path | None = None

    def prepare(self, fields: int) -> None:
        """Refuse what cannot be written, make folders; before any work is done.

        Raises:
            WrongUsage: one file for several overlays, another ending than .png, or a folder that is missing.
        """
        if self.overlay is not None and not self._in_folder():
            if fields > 1:
                raise WrongUsage(
                    f"{fields} fields do not fit into the one overlay {printable(self.overlay)}; name a folder."
                )
            if self.overlay.suffix.lower() != ".png":
                raise WrongUsage(f"The overlay {printable(self.overlay)} must end in .png, or be a folder.")
            if not self.overlay.absolute().parent.is_dir():
                raise WrongUsage(f"There is no folder {printable(self.overlay.absolute().parent)}; make it first.")
        if self.crops is not None:
            self.crops.mkdir(parents=True, exist_ok=True)
            clear_leftovers(self.crops)
        if self.overlay is not None:
            clear_leftovers(self.overlay if self._in_folder() else self.overlay.absolute().parent)

    def keep(self, name: str, image: NDArray[np.uint8], result: FieldResult) -> None:
        """Write the overlay and the suspected cells of one field.

        Args:
            name: without ending, unlike that of any other field.
            image: uint8 [h, w, 3], RGB.
        """
        from edge_runtime.fields.crops import cell_pixels
        from edge_runtime.fields.overlay import draw_overlay, suspected

        if self.overlay is not None:
            target = self.overlay / f"{name}.png" if self._in_folder() else self.overlay
            _write_png(target, draw_overlay(image, result))
        if self.crops is not None:
            for number, index in enumerate(suspected(result.verdicts), start=1):
                _write_png(self.crops / f"{name}-{number:03d}.png", cell_pixels(image, result.field.cells[index]))

    def _in_folder(self) -> bool:
        return self.overlay is not None and self.overlay.is_dir()


class WholeFields:
    """Each image is a whole field.

    Args:
        pictures: which pictures to keep, written while the fields are read.
        reading: how files are read.
    """

    def __init__(self, pictures: Pictures, reading: Reading) -> None:
        self._pictures = pictures
        self._reading = reading

    def prepare(self, images: int) -> None:
        """Refuse pictures that cannot be written, and a machine without OpenCV.

        Raises:
            WrongUsage: as :meth:`Pictures.prepare`.
            EnvironmentLacks: OpenCV is not installed.
        """
        from edge_runtime.fields.opencv import opencv

        opencv()
        self._pictures.prepare(images)

    def side_by_side(self, threads: int, images: int) -> int:
        """Interpreters for so many threads: all of them, as the cells of one field can be shared out."""
        return threads

    def read(self, classifiers: list[Classifier], sources: Sequence[Source]) -> Iterator[FieldOutcome]:
        """Read fields in their order; pictures are written on the way.

        With as many fields as interpreters each field has one to itself; else the cells of a field are shared out.
        """
        from edge_runtime.core.pool import ordered_map
        from edge_runtime.fields import FieldReader

        if len(sources) < len(classifiers):
            readers = [FieldReader(classifiers)]
        else:
            readers = [FieldReader([classifier]) for classifier in classifiers]
        return ordered_map(
            _reading(self._pictures, self._reading), readers, list(zip(sources, _names(sources), strict=True))
        )

    def show(self, outcomes: Iterable[FieldOutcome], classifier: Classifier, as_json: bool) -> Counter[str]:
        """Print each field as it comes; count fields, cells and bad files."""
        model = classifier.model.id
        tally: Counter[str] = Counter()
        if not as_json:
            click.echo("cells  review  count  left out  source\n-----  ------  -----  --------  ------")
        for source, outcome in outcomes:
            tally.update(_counted(outcome))
            if as_json:
                emit_json(_json_line(source, outcome, model))
            elif isinstance(outcome, BadImage):
                click.echo(f"skipped: {outcome}", err=True)
            else:
                click.echo(_table_row(source, outcome))
        if not as_json:
            click.echo(_summary(tally, model))
        return tally


def _reading(pictures: Pictures, how: Reading) -> Callable[[FieldReader, tuple[Source, str]], FieldOutcome]:
    def read(reader: FieldReader, item: tuple[Source, str]) -> FieldOutcome:
        from edge_runtime.core.images import load_image

        source, name = item
        if source.problem is not None:
            return source, source.problem
        try:
            image = load_image(sys.stdin.buffer if source.path == STDIN else source.path, reading=how)
        except BadImage as error:
            return source, error
        result = reader.read(image)
        pictures.keep(name, image, result)
        return source, result

    return read


def _names(sources: Sequence[Source]) -> Iterator[str]:
    """A file name for each source: its own, with a number where two have the same."""
    seen: Counter[str] = Counter()
    for source in sources:
        name = "stdin" if source.path == STDIN else as_utf8(PurePath(source.path).stem)
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name}~{seen[name]}"


def _counted(outcome: FieldResult | BadImage) -> dict[str, int]:
    """What one image adds to the totals; cells of a refused field do not count."""
    if isinstance(outcome, BadImage):
        return {"bad": 1}
    accepted = outcome.quality.accepted
    return {"fields": 1, "refused": int(not accepted), **(_sums(outcome) if accepted else {})}


def _json_line(source: Source, outcome: FieldResult | BadImage, model: str) -> Document:
    from edge_runtime.fields.reader import field_line

    shown = as_utf8(source.path)
    return error_line(shown, outcome) if isinstance(outcome, BadImage) else field_line(shown, outcome, model)


def _table_row(source: Source, result: FieldResult) -> str:
    """The columns, and a line for each reason why the field does not count."""
    row = _sums(result)
    columns = f"{row['cells']:5}  {row['review']:6}  {row['count']:5}  {row['left out']:8}  {printable(source.path)}"
    return "\n".join([columns, *(f"{'':32}refused: {refusal.message}" for refusal in result.quality.refusals)])


def _sums(result: FieldResult) -> dict[str, int]:
    return {
        "cells": len(result.verdicts),
        "review": sum(verdict.review for verdict in result.verdicts),
        "count": sum(verdict.count for verdict in result.verdicts),
        "left out": sum(result.field.excluded_counts().values()),
    }


def _summary(tally: Counter[str], model: str) -> str:
    accepted = tally["fields"] - tally["refused"]
    line = (
        f"\n{accepted} {'field' if accepted == 1 else 'fields'} accepted, {tally['refused']} refused; in the accepted "
        f"{tally['cells']} cells, {tally['review']} to review, {tally['count']} to count; model {model}."
    )
    if tally["bad"]:
        line += f" {tally['bad']} could not be read."
    return f"{line}\n{RESEARCH_USE}"


def _write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    from edge_runtime.common.files import write_atomically
    from edge_runtime.core.encoding import encode_png

    write_atomically(path, encode_png(pixels))
