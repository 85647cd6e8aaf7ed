"""The capture curve of a run's patients, each ranked by a model that had not seen the patient."""

from __future__ import annotations

import numpy as np

from edge_runtime.counting import CaptureCurve
from train.evaluate.out_of_fold import out_of_fold, teacher_scores
from train.metrics.capture import patient_curve, patient_depths
from train.runs.run import Run


def captured(run: Run, rows: np.ndarray, logits: np.ndarray) -> CaptureCurve | None:
    """What ranking finds of each held-out patient; None when patients are unknown or none has enough cells.

    Validation and test patients are ranked by the model itself, unless some of their cells were learnt from. Training
    patients are ranked by the run's own folds, the others by what the teacher's models said: sisters of the network,
    which never saw them. No threshold and no other figure of the card rests on the curve, so test patients may serve.

    Args:
        rows: int [m], places in the run of the cells that ``logits`` are of.
        logits: float64 [m], of the model.

    Raises:
        BadData: scores of folds or of the teacher are damaged.
    """
    patients = run.cells.patients
    if patients is None:
        return None
    learnt = {patients[i] for i in run.indices("train")}
    kept = np.array([patients[i] not in learnt for i in rows], dtype=bool)
    held = rows[kept]
    found = patient_depths(run.cells.labels[held], logits[kept], [patients[i] for i in held])
    own = out_of_fold(run)
    for others in (own, teacher_scores(run, own)):
        if others is not None:
            more = patient_depths(others.labels, others.probabilities, others.patients)
            found = {**more, **found}  # a patient counts once, by the model nearest to the one that ships
    return patient_curve(list(found.values()))
