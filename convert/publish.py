"""Write a converted model: its card, its golden vectors, one file, under the name the gate allows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convert.gate.drift import Drift
from convert.gate.ladder import Outcome
from convert.gate.limits import FAILED
from convert.gate.workbench import Candidate, Workbench
from edge_runtime.common.files import write_atomically
from edge_runtime.core.backends import open_interpreter
from edge_runtime.core.card import Card
from edge_runtime.core.model_file import pack_model
from edge_runtime.inspection.golden import make_golden, write_golden
from train.metrics.evaluation import evaluate
from train.runs.run import versions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REJECTED = ".rejected"
_KEPT_METRICS = ("accuracy", "sensitivity", "specificity", "auc", "brier", "ece")


def publish(
    bench: Workbench, outcome: Outcome, out: Path, target: str, facts: Mapping[str, str], images: NDArray[np.uint8]
) -> tuple[Path, Card]:
    """Write the best candidate, as ``out`` or, when it failed its gate, beside it as ``out`` + ".rejected".

    A model that a failed conversion would have replaced stays; a rejected file of an earlier attempt is removed by a
    success.

    Args:
        target: what it was made for.
        facts: what the user says about the model: name, species, licence.
        images: uint8 [k, h, w, 3] synthetic images for the golden vectors.

    Returns:
        where it was written, and its card.
    """
    best = outcome.best
    card = make_card(bench, outcome, target, facts)
    golden = make_golden(open_interpreter(best.flatbuffer), bench.run.contract, images)
    rejected = out.with_name(out.name + REJECTED)
    failed = best.drift.verdict.name == FAILED
    path = rejected if failed else out
    write_atomically(path, pack_model(best.flatbuffer, card, write_golden(golden)))
    if not failed:
        rejected.unlink(missing_ok=True)
    return path, card


def make_card(bench: Workbench, outcome: Outcome, target: str, facts: Mapping[str, str]) -> Card:
    """The card of the best candidate; see DESIGN for what stands where."""
    run, best = bench.run, outcome.best
    details: dict[str, Any] = {
        "name": facts["name"],
        "architecture": run.config["architecture"],
        "network": dict(run.config["network"]) | {"weights": _weights_name(run.config["network"].get("weights"))},
        "recipe": best.step.recipe.name,
        "target": target,
        "gate": best.drift.verdict.name,
        "gate_reason": best.drift.verdict.reason,
        "training": _training(bench, facts["species"]),
        "metrics": _metrics(bench, best),
        "blank_rate": _blank_rate(best),
        "quantisation": best.step.to_json() | {"attempts": [_attempt(tried) for tried in outcome.tried]},
        "representative": None if best.representative is None else best.representative.to_json(),
        "drift": drift_summary(best.drift),
        "tools": versions(),
        "licence": facts["licence"],
        "created": _now(),
    }
    return Card(input=run.contract, output=best.output, points=best.points, details=details)


def drift_summary(drift: Drift) -> dict[str, Any]:
    """The drift report without names of patients and images, which do not belong on a file that travels."""
    document = drift.to_json()
    document.pop("per_patient")
    return document


def _training(bench: Workbench, species: str) -> dict[str, Any]:
    data, recipe = bench.run.config["data"], bench.run.config["recipe"]
    return {
        "species": species,
        "dataset_sha256": data["fingerprint"],
        "images": data["images"],
        "split_by": data["split_by"],
        "split_seed": data["split_seed"],
        "split_sha256": data["split_sha256"],
        "patients_sha256": data["patients_sha256"],
        "parts": data["parts"],
        "recipe": recipe,
        "tools": bench.run.config.get("versions", {}),
    }


def _metrics(bench: Workbench, best: Candidate) -> dict[str, Any]:
    """Figures of the converted model on test patients, with their patient-bootstrap intervals."""
    test = bench.run.parts[bench.rows] == "test"
    cells = bench.held_out.subset(test)
    document = evaluate(cells.labels, best.logits[test], cells.patients, best.output, best.points, seed=bench.seed)
    return {
        "part": "test",
        "cells": document["cells"],
        "patients": document["patients"],
        "interval": document["interval"],
        **{name: document["metrics"][name] for name in _KEPT_METRICS},
        "at_fixed": document["at_fixed"],
        "operating_points": document["operating_points"],
        "ece_floor": document["ece_floor"]["pooled"],
        "blank_rate": document["blank_rate"],
    }


def _blank_rate(best: Candidate) -> dict[str, Any]:
    count = best.details["count"]
    return {
        "threshold": best.points.count,
        "part": best.details["points_from"],
        "source": count["source"],
        **count["blank"],
    }


def _attempt(candidate: Candidate) -> dict[str, Any]:
    changes = {name: figure.change for name, figure in candidate.drift.figures.items()}
    document = candidate.step.to_json() | {"gate": candidate.drift.verdict.name}
    return document | {"agreement": candidate.drift.agreement, "changes": changes}


def _weights_name(weights: str | None) -> str | None:
    """Where training started from, without the folders of the machine it ran on."""
    return None if weights is None else Path(weights).name


def _now() -> str:
    """UTC time; ``SOURCE_DATE_EPOCH`` (reproducible-builds.org) fixes it, so that files can be made bit-equal."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(epoch), timezone.utc) if epoch.isdigit() else datetime.now(timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
