"""What can be asked about a model file that exists: the drift gate, lint, and the error of each operator."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from convert.gate.drift import Answers
from convert.gate.gate import Gate
from convert.gate.held_out import hold_out
from convert.gate.limits import Limits
from convert.gate.text import gate_text
from convert.layers.operator_errors import operator_errors
from convert.layers.report import layers_text, write_csv, write_plot
from convert.lint.findings import lint_text
from convert.lint.lint import lint
from convert.quantise.quantizer import Quantizer
from convert.quantise.trained_model import open_trained_model
from convert.result import Result
from edge_runtime.common.console import note
from edge_runtime.common.text import as_utf8, printable
from edge_runtime.core.card import Card
from edge_runtime.core.model_file import ModelFile, open_model
from edge_runtime.errors import BadModel, GateFailed
from train.runs.run import Run


def check_model(name: str, against: Path, data: Path | None, seed: int, limits: Limits) -> Result:
    """The drift gate on a model file, with the calibration and operating points of its card.

    Raises:
        BadModel: it has no card, or takes other input than the run's model.
    """
    file = open_model(name)
    card = _card(file)
    trained = open_trained_model(against, data)
    _check_kinship(file, card, trained.run)
    gate = Gate(hold_out(trained), limits, seed)
    drift = gate.compare(Answers(gate.held_out.logits(file), card.output, card.points))
    paths = gate.held_out.cells.paths
    document = {"model": _described(file), "against": as_utf8(against), "gate": drift.to_json(paths)}
    return Result(document, gate_text(drift, paths, "model"), drift.decision.error())


def lint_model(name: str, target: str, every: bool) -> Result:
    """Lint any TFLite file; errors fail, warnings do not."""
    file = open_model(name)
    found = lint(file.flatbuffer, target, file.card.input if file.card else None)
    errors = [finding for finding in found.findings if finding.severity == "error"]
    document = {"model": _described(file), **asdict(found), "passed": found.passed}
    reason = f"{printable(file.path.name)} has {len(errors)} findings that keep it, or a part of it, off the {target}."
    return Result(document, lint_text(found, every), GateFailed(reason) if errors else None)


def measure_layers(
    name: str, against: Path, images: int, data: Path | None, seed: int, csv_file: Path | None, plot: Path | None
) -> Result:
    """The error of each operator of a model file on test images of its run.

    Raises:
        BadModel: it was not made from this run.
    """
    file = open_model(name)
    trained = open_trained_model(against, data)
    if file.card is not None:
        _check_kinship(file, file.card, trained.run)
    pixels = trained.test_images(images, seed)
    reference = Quantizer(trained.network, trained.run.contract).float_flatbuffer
    errors = operator_errors(file.flatbuffer, reference, trained.run.contract, pixels)
    if csv_file is not None:
        write_csv(errors, csv_file)
    if plot is not None:
        write_plot(errors, plot)
    document = {
        "model": _described(file),
        "against": as_utf8(against),
        "images": len(pixels),
        "operators": [asdict(error) | {"suspicious": error.suspicious} for error in errors],
    }
    return Result(document, layers_text(errors))


def _described(file: ModelFile) -> dict[str, Any]:
    return {"path": as_utf8(file.path), "id": file.id, "sha256": file.sha256}


def _card(file: ModelFile) -> Card:
    if file.card is None:
        raise BadModel(
            f"{printable(file.path)} has no card, so what it was made from is not known; use `thinsmear evaluate` with "
            "--labels and --input-range for models of other makers."
        )
    return file.card


def _check_kinship(file: ModelFile, card: Card, run: Run) -> None:
    """Refuse other input, and say it when the card names other training data."""
    if card.input != run.contract:
        raise BadModel(
            f"{printable(file.path)} takes {card.input.width}x{card.input.height} {card.input.channels} and the model "
            f"of {printable(run.path)} {run.contract.width}x{run.contract.height} {run.contract.channels} (or they "
            "normalise differently): it was made from another run."
        )
    promised = card.details.get("training", {}).get("split_sha256")
    if promised is not None and promised != run.config["data"]["split_sha256"]:
        note(
            f"WARNING: the card of {printable(file.path)} names another split than {printable(run.path)}; some of "
            "these cells may have been in its training."
        )
