"""Scores of held-out patients' cells, from runs or CSV files."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from edge_runtime.common.text import printable
from edge_runtime.core.card import OutputContract
from edge_runtime.core.decision import probability
from edge_runtime.errors import BadData, WrongUsage

_LABELS = {"1": 1, "0": 0, "parasitized": 1, "uninfected": 0, "infected": 1, "healthy": 0}
Score = tuple[str, int, float]  # patient, label (1 parasitized), calibrated P(parasitized)


def read_patient_scores(
    paths: Sequence[Path], output: Callable[[], OutputContract], teacher: bool = False
) -> list[Score]:
    """Read runs (their test patients, and the out-of-fold scores of their own folds) and CSV files.

    A CSV has the columns ``label``, ``patient`` and ``probability`` or ``logit``; with a column ``part`` only its test
    rows are read.

    Args:
        paths: folders of runs, or CSV files; no patient in two of them.
        output: contract for logits of CSV files; called when needed.
        teacher: of runs, take the training patients instead, by the calibrated scores of what taught the run.

    Raises:
        WrongUsage: a path is neither, a patient comes twice, or a list or a run without a teacher is asked for one.
        BadData: a file lacks a column or holds no number.
    """
    scores: list[Score] = []
    seen: set[str] = set()
    for path in paths:
        if teacher and path.is_file():
            raise WrongUsage(f"{printable(path)} is a list of scores, which has no teacher; --teacher goes with a RUN.")
        found = list(_of_csv(path, output) if path.is_file() else _of_teacher(path) if teacher else _of_run(path))
        names = {name for name, _, _ in found}
        twice = sorted(names & seen)
        if twice:
            raise WrongUsage(f"Patient {printable(twice[0])} is in two of the files; name each patient's scores once.")
        seen |= names
        scores += found
    return scores


def _of_run(path: Path) -> Iterator[Score]:
    from train.evaluate.measure import read_scores
    from train.evaluate.out_of_fold import out_of_fold
    from train.runs.run import Run

    run = Run.open(path)
    if run.cells.patients is None:
        raise WrongUsage(f"The run {printable(path)} does not know its patients, without whom there are no slides.")
    if not (path / "scores.csv").is_file():
        raise WrongUsage(f"The run {printable(path)} has no scores.csv yet; finish it first.")
    logits = read_scores(path / "scores.csv")
    rows = [int(i) for i in run.indices("test") if run.cells.paths[i] in logits]
    for i in rows:
        p = _calibrated(logits[run.cells.paths[i]], run.output)
        yield run.cells.patients[i], int(run.cells.labels[i]), p
    others = out_of_fold(run)
    if others is not None:
        for name, label, p in zip(others.patients, others.labels, others.probabilities, strict=True):
            yield name, int(label), float(p)


def _of_teacher(path: Path) -> Iterator[Score]:
    from train.evaluate.out_of_fold import teacher_scores
    from train.runs.run import Run

    found = teacher_scores(Run.open(path))
    if found is None:
        raise WrongUsage(f"The run {printable(path)} has no teacher whose scores could be taken; leave out --teacher.")
    for name, label, p in zip(found.patients, found.labels, found.probabilities, strict=True):
        yield name, int(label), float(p)


def _of_csv(path: Path, output: Callable[[], OutputContract]) -> Iterator[Score]:
    from train.data.tables import read_csv

    try:
        for row in read_csv(path):
            if row.get("part", "test") != "test":
                continue
            given = row.get("probability")
            p = float(given) if given else _calibrated(float(row["logit"]), output())
            if not 0 <= p <= 1:
                raise ValueError(f"a probability of {p}")
            yield row["patient"], _LABELS[row["label"].strip().lower()], p
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise BadData(
            f"{printable(path)} is no list of scores ({error!r}); it needs the columns label, patient, and probability "
            "or logit."
        ) from error


def _calibrated(logit: float, output: OutputContract) -> float:
    return probability(logit, output.temperature, output.bias)
