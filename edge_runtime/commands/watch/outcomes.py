"""How ``thinsmear watch`` judges a picture: as one cell, or as a whole field against the fields before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from edge_runtime.core.lines import cell_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_runtime.core.classifier import CellResult, Classifier
    from edge_runtime.core.lines import Document
    from edge_runtime.fields import FieldResult
    from edge_runtime.fields.quality import Quality


@dataclass(frozen=True)
class PictureJudgement:
    """What a judge says of one picture.

    Attributes:
        result: what was found; a field's quality is judged within the smear.
        line: the JSON line, as of ``thinsmear classify``.
        row: the columns for people.
        tally: what to add up for the summary, unless the picture repeats another.
        repeat: it shows what an earlier picture showed.
        remarks: a line for people each.
    """

    result: CellResult | FieldResult
    line: Document
    row: str
    tally: Counter[str]
    repeat: bool = False
    remarks: tuple[str, ...] = ()


class QualityJudge(Protocol):
    """Knows the fields before: a smear by itself, or the way into a session."""

    def judge(self, pixels: NDArray[np.uint8], quality: Quality, /) -> Quality:
        """The quality of a field beside the others."""
        ...


@dataclass(frozen=True)
class Judge:
    """How pictures are judged.

    Attributes:
        heading: over the columns of :attr:`PictureJudgement.row`.
        judge: uint8 [h, w, 3], RGB, and the name of its source, to what is found.
        summary: a sentence from the sum of all tallies.
    """

    heading: str
    judge: Callable[[NDArray[np.uint8], str], PictureJudgement]
    summary: Callable[[Counter[str]], str]


def cell_judge(classifier: Classifier) -> Judge:
    """Each picture is one cell, as for ``thinsmear classify``."""
    negative, positive = classifier.labels
    width = max(5, *map(len, classifier.labels))

    def judge(pixels: NDArray[np.uint8], source: str) -> PictureJudgement:
        cell = classifier.classify(pixels)
        review, count = ("yes" if flag else "no" for flag in (cell.review, cell.count))
        row = f"{cell.label:{width}}  {cell.probability:.4f}  {review:6}  {count:5}"
        tally = Counter({cell.label: 1, "review": cell.review, "count": cell.count})
        return PictureJudgement(cell, cell_line(source, cell, classifier.model.id), row, tally)

    def summary(tally: Counter[str]) -> str:
        return (
            f"{tally[positive]} {positive}, {tally[negative]} {negative}; {tally['review']} to review, "
            f"{tally['count']} to count; model {classifier.model.id}."
        )

    return Judge(f"{'label':{width}}  score   review  count", judge, summary)


def field_judge(classifier: Classifier, smear: QualityJudge) -> Judge:
    """Each picture is a whole field, as for ``thinsmear classify --field``; its quality is judged within the smear.

    Args:
        smear: the best focus and the fields so far.

    Raises:
        EnvironmentLacks: OpenCV is not installed.
    """
    from edge_runtime.fields import FieldReader
    from edge_runtime.fields.opencv import opencv
    from edge_runtime.fields.reader import field_line

    opencv()
    reader = FieldReader([classifier])

    def judge(pixels: NDArray[np.uint8], source: str) -> PictureJudgement:
        result = reader.read(pixels)
        judged = smear.judge(pixels, result.quality)
        result = replace(result, quality=judged)
        cells = result.verdicts
        review, count = sum(cell.review for cell in cells), sum(cell.count for cell in cells)
        left_out = sum(result.field.excluded_counts().values())
        kinds = frozenset(refusal.kind for refusal in judged.refusals)
        counted = {"accepted": 1, "cells": len(cells), "review": review, "count": count}
        focus = 0.0 if judged.relative_focus is None else judged.relative_focus
        return PictureJudgement(
            result=result,
            line=field_line(source, result, classifier.model.id),
            row=f"{len(cells):5}  {review:6}  {count:5}  {left_out:8}  {focus:5.0%}",
            tally=Counter({"refused": 1} if kinds else counted),
            repeat="repeat" in kinds,
            remarks=tuple(f"refused: {refusal.message}" for refusal in judged.refusals if refusal.kind != "repeat"),
        )

    def summary(tally: Counter[str]) -> str:
        return (
            f"{tally['accepted']} {'field' if tally['accepted'] == 1 else 'fields'} accepted, {tally['refused']} "
            f"refused; in the accepted {tally['cells']} cells, {tally['review']} to review, {tally['count']} to count; "
            f"model {classifier.model.id}."
        )

    return Judge("cells  review  count  left out  focus", judge, summary)
