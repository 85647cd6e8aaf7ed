"""Scores of held-out patients brought down to what a slide needs: cells called, by patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness.patient_scores import Score, read_patient_scores
from edge_runtime.common.text import printable
from edge_runtime.core.card import OutputContract
from edge_runtime.errors import NotConclusive

LEAST_CELLS = 10  # parasitized cells of a patient that say something of a slide's sensitivity


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
class HeldOutPatients:
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
) -> HeldOutPatients:
    """Read runs and CSV files, see :func:`benchmarks.harness.patient_scores.read_patient_scores`.

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
    scores = read_patient_scores(paths, lambda: card()[0], teacher)
    if point is None:
        point = next((_point_of(path) for path in paths if not path.is_file()), None)
    return _by_patient(scores, card()[1] if point is None else point, tuple(printable(path) for path in paths))


def _point_of(path: Path) -> float:
    """Counting threshold of a run."""
    from train.runs.run import Run

    return Run.open(path).points.count


def _by_patient(scores: Iterable[Score], point: float, sources: tuple[str, ...]) -> HeldOutPatients:
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
    return HeldOutPatients(point, _in_order(enough), _in_order(healthy), len(infected) - len(enough), sources)


def _in_order(patients: Iterable[PatientCells]) -> tuple[PatientCells, ...]:
    """By their counts, so that the order says nothing of who they are."""
    return tuple(sorted(patients, key=lambda one: (one.cells, one.called)))
