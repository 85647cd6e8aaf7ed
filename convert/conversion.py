"""Carry out a conversion from the run directory to the published file, and say what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from convert.edgetpu_compiler import CompilerLog, compile_model, require_compiler
from convert.gate.attempts import Attempts, ConversionSettings
from convert.gate.gate import Gate
from convert.gate.held_out import hold_out
from convert.gate.ladder import LadderOutcome, climb
from convert.gate.limits import Limits
from convert.gate.text import gate_text
from convert.layers.operator_errors import OperatorError, operator_errors
from convert.layers.report import layers_text, write_csv, write_plot
from convert.lint.findings import lint_text
from convert.lint.lint import Lint, lint
from convert.publish import Published, publish
from convert.quantise.trained_model import open_trained_model
from convert.result import Result
from edge_runtime.common.console import note
from edge_runtime.common.text import as_utf8, printable
from edge_runtime.errors import WrongUsage

_LAYER_IMAGES = 32


@dataclass(frozen=True)
class ConversionOrder:
    """What ``thinsmear convert`` was asked to do; see its options."""

    run: Path
    out: Path
    settings: ConversionSettings
    target: str
    compile: bool
    ladder: bool
    layers: bool
    facts: Mapping[str, str]
    data: Path | None
    seed: int
    limits: Limits


def carry_out(order: ConversionOrder) -> Result:
    """Convert, climb the ladder where needed, publish, lint, and compile when asked to."""
    if order.compile:
        require_compiler()
    if not order.out.parent.is_dir():
        raise WrongUsage(f"There is no folder {printable(order.out.parent)}; make it first.")
    trained = open_trained_model(order.run, order.data)
    gate = Gate(hold_out(trained), order.limits, order.seed)
    attempts = Attempts(trained, gate)
    outcome = climb(attempts, order.settings, order.target, order.ladder)
    published = publish(gate, outcome, order.out, order.target, order.facts)
    found = lint(published.flatbuffer, order.target, trained.run.contract)
    errors = _measure(attempts, published, order.out) if order.layers else None
    compiled: tuple[Path, CompilerLog] | None = None
    if order.compile and not outcome.best.failed:
        place = order.out.with_name(f"{order.out.stem}_edgetpu.tflite")
        compiled = place, compile_model(published.flatbuffer, published.card, published.golden, place)
    return _result(gate.held_out.cells.paths, outcome, published, found, errors, compiled)


def _measure(attempts: Attempts, published: Published, out: Path) -> tuple[OperatorError, ...]:
    trained = attempts.trained
    pixels = trained.test_images(_LAYER_IMAGES, attempts.gate.seed)
    quantizer, _ = attempts.quantizer(None)
    errors = operator_errors(published.flatbuffer, quantizer.float_flatbuffer, trained.run.contract, pixels)
    for ending, write in ((".layers.csv", write_csv), (".layers.png", write_plot)):
        path = out.with_suffix(ending)
        write(errors, path)
        note(f"Wrote {printable(path)}.")
    return errors


def _result(
    paths: Sequence[str],
    outcome: LadderOutcome,
    published: Published,
    found: Lint,
    errors: tuple[OperatorError, ...] | None,
    compiled: tuple[Path, CompilerLog] | None,
) -> Result:
    """Everything that came of it; ``paths`` are those of the held-out cells."""
    best, details = outcome.best, published.card.details
    recipe, file = best.settings.recipe.name, printable(published.path)
    document: dict[str, Any] = {
        "model": {
            "path": as_utf8(published.path),
            "id": published.id,
            "sha256": published.sha256,
            "bytes": published.size,
        },
        "published": not best.failed,
        "recipe": recipe,
        "attempts": details["quantisation"]["attempts"],
        "advice": outcome.advice,
        "gate": best.drift.to_json(paths),
        "metrics": details["metrics"],
        "lint": {**asdict(found), "passed": found.passed},
        "layers": None if errors is None else [asdict(error) for error in errors],
        "edgetpu": None if compiled is None else {"path": as_utf8(compiled[0]), **compiled[1].to_json()},
    }
    parts = [gate_text(best.drift, paths, recipe)]
    if errors is not None:
        parts.append(layers_text(errors))
    parts.append(lint_text(found))
    if compiled is not None:
        parts.append(f"{compiled[1].summary}\n{printable(compiled[0])}: compiled for the Edge TPU")
    parts.append(f"{file}: {published.size:,} bytes, model {published.id}, recipe {recipe}")
    advice = outcome.advice or ""
    if best.failed:
        advice = f"The model is kept as {file}. {advice}"
    return Result(document, "\n\n".join(parts), best.drift.decision.error(advice))
