"""Soft targets: what models that never saw a cell say of it, mixed with its label.

Some labels of every data set are wrong or doubtful. A model trained on other patients (a fold's teacher) has not
learnt the wrong label by heart, so mixing its probability into the target takes weight off such cells without any
cell being thrown away (self-distillation; Hinton et al. 2015, arXiv:1503.02531; Li et al. 2017, arXiv:1703.02391).
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from edge_runtime.core.decision import probability
from edge_runtime.errors import BadData, WrongUsage
from train.data.dataset import Cells
from train.data.tables import read_csv

COLUMNS = ("path", "probability")
TEACHER = "teacher.csv"  # a run's own copy


def read_teacher(path: Path) -> dict[str, float]:
    """Probability of being parasitized by image path.

    Args:
        path: CSV with the columns path and probability, or path and logit; others are ignored.

    Raises:
        WrongUsage: no such file.
        BadData: another kind of file, or a value outside 0..1.
    """
    if not path.is_file():
        raise WrongUsage(
            f"There is no file {path} with a teacher's scores, the soft targets of a training; "
            "`thinsmear evaluate RUN --folds 3 --split train` makes one."
        )
    found: dict[str, float] = {}
    try:
        for row in read_csv(path):
            text = row.get("probability") or ""
            value = float(text) if text else probability(float(row["logit"]))
            if not 0 <= value <= 1:
                raise ValueError(f"probability {value}")
            found[row["path"]] = value
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise BadData(f"{path} is no CSV of path and probability (or logit): {error}.") from error
    return found


def soft_targets(cells: Cells, training: np.ndarray, teacher: dict[str, float], weight: float) -> np.ndarray:
    """Targets of a training with a teacher.

    Args:
        cells: all cells of the run.
        training: int [k], which of them are learnt from.
        teacher: see :func:`read_teacher`.
        weight: of the teacher, 0..1; the label has the rest.

    Returns:
        float32 [n]: mixed at ``training``, the plain label elsewhere.

    Raises:
        BadData: the teacher does not know every training cell.
        WrongUsage: it knows cells that are not learnt from, so its models were trained beside patients this run is
            to be tested on.
    """
    if not 0 <= weight <= 1:
        raise WrongUsage(f"The teacher's weight is {weight}; it must lie in 0..1.")
    targets = cells.labels.astype(np.float32)
    unknown = [cells.paths[i] for i in training if cells.paths[i] not in teacher]
    if unknown:
        raise BadData(f"The teacher does not know {len(unknown)} of {len(training)} training cells ({unknown[0]} ...).")
    others = set(range(len(cells))) - set(training.tolist())
    leaked = sum(cells.paths[i] in teacher for i in others)
    if leaked:
        raise WrongUsage(
            f"The teacher also judges {leaked} cells this run keeps for validation and test, so its folds learnt from "
            "their patients; make it with `thinsmear evaluate RUN --folds 3 --split train`."
        )
    probabilities = np.array([teacher[cells.paths[i]] for i in training], np.float32)
    targets[training] = (1 - weight) * targets[training] + weight * probabilities
    return targets
