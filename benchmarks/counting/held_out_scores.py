"""Scores of held-out patients, from runs or CSV files, brought down to what a slide needs: cells called, by patient."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_runtime.common.text import printable
from edge_runtime.core.card import OutputContract
from edge_runtime.core.decision import probability
from edge_runtime.errors import BadData, NotConclusive, WrongUsage

LEAST_CELLS = 10  # parasitized cells of a patient that say something of a slide's sensitivity
_LABELS = {"1": 1, "0": 0, "parasitized": 1, "uninfected": 0, "infected": 1, "healthy": 0}
Score = tuple[str, int, float]  # patient, label (1 parasitized), calibrated P(parasitized)


@dataclass(frozen=True)
class PatientCells:
    """Cells of one class of one patient.

    Attributes:
        called: at or above the counting threshold.
        cells: all of them.
    """

    called: int
    cells: int


@dataclass(frozen=True)
class HeldOut:
    """Patients that the model behind their scores never saw.

    Attributes:
        point: the counting threshold, on P(parasitized).
        infected: parasitized cells of the patients who have :data:`LEAST_CELLS` of them.
        healthy: all cells of the patients who have no parasitized one.
        left_out: infected patients with fewer parasitized cells.
        sources: what was read.
    """

    point: float
    infected: tuple[PatientCells, ...]
    healthy: tuple[PatientCells, ...]
    left_out: int
    sources: tuple[str, ...]

    @property
    def sensitivity(self) -> float:
        """Share of the infected patients' parasitized cells that are called, each patient weighing the same."""
        return sum(one.called / one.cells for one in self.infected) / len(self.infected)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "sensitivity": self.sensitivity}


def read_held_out(
    paths: Sequence[Path], point: float | None, card: Callable[[], tuple[OutputContract, float]], teacher: bool = False
) -> HeldOut:
    """Read runs (their test patients, and the out-of-fold scores of their own folds) and CSV files.

    A CSV has the columns ``label``, ``patient`` and ``probability`` or ``logit``; with a column ``part`` only its test
    rows are read.

    Args:
        paths: folders of runs, or CSV files; no patient in two of them.
        point: counting threshold; None for that of the first run, else of the card.
        card: output contract, for logits of CSV files, and counting threshold; called when needed.
        teacher: of runs, take the training patients instead, by the calibrated scores of what taught the run.

    Raises:
        WrongUsage: a path is neither, a patient comes twice, or a list or a run without a teacher is asked for one.
        BadData: a file lacks a column or holds no number.
        NotConclusive: a healthy or a second infected patient is missing.
    """
    scores: list[Score] = []
    seen: set[str] = set()
    for path in paths:
        if teacher and path.is_file():
            raise WrongUsage(f"{printable(path)} is a list of scores, which has no teacher; --teacher goes with a RUN.")
        found = list(_of_csv(path, card) if path.is_file() else _of_teacher(path) if teacher else _of_run(path))
        if not path.is_file() and point is None:
            from train.runs.run import Run

            point = Run.open(path).points.count
        names = {name for name, _, _ in found}
        twice = sorted(names & seen)
        if twice:
            raise WrongUsage(f"Patient {printable(twice[0])} is in two of the files; name each patient's scores once.")
        seen |= names
        scores += found
    return _by_patient(scores, card()[1] if point is None else point, tuple(printable(path) for path in paths))


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


def _of_csv(path: Path, card: Callable[[], tuple[OutputContract, float]]) -> Iterator[Score]:
    from train.data.tables import read_csv

    try:
        for row in read_csv(path):
            if row.get("part", "test") != "test":
                continue
            given = row.get("probability")
            p = float(given) if given else _calibrated(float(row["logit"]), card()[0])
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


def _by_patient(scores: Iterable[Score], point: float, sources: tuple[str, ...]) -> HeldOut:
    cells: Counter[tuple[str, int]] = Counter()
    called: Counter[tuple[str, int]] = Counter()
    for name, label, p in scores:
        cells[name, label] += 1
        called[name, label] += p >= point
    infected = {name: PatientCells(called[name, 1], n) for (name, label), n in cells.items() if label == 1}
    healthy = [
        PatientCells(called[name, 0], n) for (name, label), n in cells.items() if label == 0 and name not in infected
    ]
    enough = [one for one in infected.values() if one.cells >= LEAST_CELLS]
    if len(enough) < 2 or not healthy:
        raise NotConclusive(
            f"Slides need two infected patients with {LEAST_CELLS} parasitized cells each and a healthy patient, held "
            f"out; found {len(enough)} and {len(healthy)}."
        )
    return HeldOut(point, _in_order(enough), _in_order(healthy), len(infected) - len(enough), sources)


def _in_order(patients: Iterable[PatientCells]) -> tuple[PatientCells, ...]:
    """By their counts, so that the order says nothing of who they are."""
    return tuple(sorted(patients, key=lambda one: (one.cells, one.called)))
