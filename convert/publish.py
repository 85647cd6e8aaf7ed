"""Write a converted model: its card, its golden vectors, one file, under the name the gate allows."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from convert.gate.attempts import Attempt
from convert.gate.drift import Drift
from convert.gate.gate import Gate
from convert.gate.ladder import LadderOutcome
from edge_runtime.common.files import write_atomically
from edge_runtime.core.backends import open_interpreter
from edge_runtime.core.card import Card
from edge_runtime.core.model_file import pack_model
from edge_runtime.inspection.golden import make_golden, write_golden
from train.evaluate.captured import captured
from train.metrics.evaluation import evaluate
from train.runs.run import Run
from train.runs.versions import versions
from train.synthetic import golden_images
from train.trainer.tissue import restained_towards

REJECTED = ".rejected"
_GOLDEN_SIZE = (96, 80)  # height and width of the images of the golden vectors
_KEPT_METRICS = ("accuracy", "sensitivity", "specificity", "auc", "brier", "ece")


@dataclass(frozen=True)
class Published:
    """A model file as it was written.

    Attributes:
        path: where.
        flatbuffer: the model without what follows it in the file.
        card: its card.
        golden: its golden vectors, as :func:`edge_runtime.core.model_file.pack_model` takes them.
        sha256: of the whole file, hex.
        size: of the whole file, bytes.
    """

    path: Path
    flatbuffer: bytes = field(repr=False)
    card: Card
    golden: bytes = field(repr=False)
    sha256: str
    size: int

    @property
    def id(self) -> str:
        """As :attr:`edge_runtime.core.model_file.ModelFile.id`."""
        return self.sha256[:12]


def publish(gate: Gate, outcome: LadderOutcome, out: Path, target: str, facts: Mapping[str, str]) -> Published:
    """Write the best attempt, as ``out`` or, when it failed its gate, beside it as ``out`` + ".rejected".

    A model that a failed conversion would have replaced stays; a rejected file of an earlier conversion is removed by
    a success.

    Args:
        gate: what measured the attempts; it knows the run they were made of.
        target: what the model was made for.
        facts: what the user says about the model: name, species, licence.
    """
    best, contract = outcome.best, gate.held_out.run.contract
    card = make_card(gate, outcome, target, facts)
    vectors = make_golden(open_interpreter(best.flatbuffer), contract, golden_images(*_GOLDEN_SIZE))
    golden = write_golden(vectors)
    rejected = out.with_name(out.name + REJECTED)
    path = rejected if best.failed else out
    data = pack_model(best.flatbuffer, card, golden)
    write_atomically(path, data)
    if not best.failed:
        rejected.unlink(missing_ok=True)
    return Published(path, best.flatbuffer, card, golden, hashlib.sha256(data).hexdigest(), len(data))


def make_card(gate: Gate, outcome: LadderOutcome, target: str, facts: Mapping[str, str]) -> Card:
    """The card of the best attempt: what it is, what it was made from and how, what the gate and the test set say."""
    run, best = gate.held_out.run, outcome.best
    details: dict[str, Any] = {
        "name": facts["name"],
        "architecture": run.config["architecture"],
        "network": dict(run.config["network"]) | {"weights": _weights_name(run.config["network"].get("weights"))},
        "recipe": best.settings.recipe.name,
        "target": target,
        "gate": best.drift.decision.name,
        "gate_reason": best.drift.decision.reason,
        "training": _training(run, facts["species"]),
        "metrics": _metrics(gate, best),
        "blank_rate": _blank_rate(best),
        "capture": _capture(gate, best),
        "quantisation": best.settings.to_json() | {"attempts": [_attempt(tried) for tried in outcome.tried]},
        "representative": None if best.representative is None else best.representative.to_json(),
        "drift": drift_summary(best.drift),
        "tools": versions(),
        "licence": facts["licence"],
        "created": _now(),
    }
    return Card(input=run.contract, output=best.answers.output, points=best.answers.points, details=details)


def drift_summary(drift: Drift) -> dict[str, Any]:
    """The drift report without names of patients and images, which do not belong on a file that travels."""
    document = drift.to_json()
    document.pop("per_patient")
    return document


def _training(run: Run, species: str) -> dict[str, Any]:
    data, recipe = run.config["data"], run.config["recipe"]
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
        "restained_towards": restained_towards(recipe["augmentation"]),
        "tools": run.config.get("versions", {}),
    }


def _metrics(gate: Gate, best: Attempt) -> dict[str, Any]:
    """Figures of the converted model on test patients, with their patient-bootstrap intervals."""
    held_out, answers = gate.held_out, best.answers
    test = held_out.run.parts[held_out.rows] == "test"
    cells = held_out.cells.subset(test)
    document = evaluate(
        cells.labels, answers.logits[test], cells.patients, answers.output, answers.points, seed=gate.seed
    )
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


def _blank_rate(best: Attempt) -> dict[str, Any]:
    count = best.details["count"]
    return {
        "threshold": best.answers.points.count,
        "part": best.details["points_from"],
        "source": count["source"],
        **count["blank"],
    }


def _capture(gate: Gate, best: Attempt) -> dict[str, Any] | None:
    """What the ranking finds of each held-out patient, see :func:`train.evaluate.captured.captured`."""
    curve = captured(gate.held_out.run, gate.held_out.rows, best.answers.logits)
    return None if curve is None else curve.to_json()


def _attempt(attempt: Attempt) -> dict[str, Any]:
    changes = {name: figure.change for name, figure in attempt.drift.figures.items()}
    document = attempt.settings.to_json() | {"gate": attempt.drift.decision.name}
    return document | {"agreement": attempt.drift.agreement, "changes": changes}


def _weights_name(weights: str | None) -> str | None:
    """Where training started from, without the folders of the machine it ran on."""
    return None if weights is None else Path(weights).name


def _now() -> str:
    """UTC time; ``SOURCE_DATE_EPOCH`` (reproducible-builds.org) fixes it, so that files can be made bit-equal."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(epoch), timezone.utc) if epoch.isdigit() else datetime.now(timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
