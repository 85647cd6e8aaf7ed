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
from edge_runtime.common.text import printable, text
from edge_runtime.core.card import RESEARCH_USE
from edge_runtime.core.lines import error_line
from edge_runtime.core.sources import STDIN
from edge_runtime.errors import BadImage, WrongUsage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_runtime.core.classifier import Classifier
    from edge_runtime.core.sources import Source
    from edge_runtime.fields import FieldReader, FieldResult

    Outcome = tuple[Source, "FieldResult | BadImage"]


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


def read_fields(classifiers: list[Classifier], sources: Sequence[Source], pictures: Pictures) -> Iterator[Outcome]:
    """Read fields in their order; pictures are written on the way.

    With as many fields as interpreters each field has one to itself; else the cells of a field are shared out.
    """
    from edge_runtime.core.pool import ordered_map
    from edge_runtime.fields import FieldReader

    if len(sources) < len(classifiers):
        readers = [FieldReader(classifiers)]
    else:
        readers = [FieldReader([classifier]) for classifier in classifiers]
    return ordered_map(_reading(pictures), readers, list(zip(sources, _names(sources), strict=True)))


def _reading(pictures: Pictures) -> Callable[[FieldReader, tuple[Source, str]], Outcome]:
    def read(reader: FieldReader, item: tuple[Source, str]) -> Outcome:
        from edge_runtime.core.images import load_image

        source, name = item
        if source.problem is not None:
            return source, source.problem
        try:
            image = load_image(sys.stdin.buffer if source.path == STDIN else source.path)
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
        name = "stdin" if source.path == STDIN else text(PurePath(source.path).stem)
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name}~{seen[name]}"


def print_fields(outcomes: Iterable[Outcome], model: str, as_json: bool) -> Counter[str]:
    """Print each field as it comes; count fields, cells and bad files.

    Args:
        model: its short hash.
    """
    from edge_runtime.fields.reader import field_line

    tally: Counter[str] = Counter()
    if not as_json:
        click.echo("cells  review  count  left out  source\n-----  ------  -----  --------  ------")
    for source, outcome in outcomes:
        if isinstance(outcome, BadImage):
            tally["bad"] += 1
            if as_json:
                emit_json(error_line(text(source.path), outcome))
            else:
                click.echo(f"skipped: {outcome}", err=True)
            continue
        row = _sums(outcome)
        tally["fields"] += 1
        tally["refused"] += not outcome.quality.accepted
        if outcome.quality.accepted:
            tally.update(row)
        if as_json:
            emit_json(field_line(text(source.path), outcome, model))
        else:
            click.echo(
                f"{row['cells']:5}  {row['review']:6}  {row['count']:5}  {row['left out']:8}  {printable(source.path)}"
            )
            for refusal in outcome.quality.refusals:
                click.echo(f"{'':32}refused: {refusal.message}")
    if not as_json:
        click.echo(_summary(tally, model))
    return tally


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
    import io

    from PIL import Image

    from edge_runtime.common.files import write_atomically

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    write_atomically(path, stream.getvalue())
