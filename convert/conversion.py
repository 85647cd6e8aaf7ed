"""Carry out a conversion from the run directory to the published file, and say what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from convert.edgetpu_compiler import CompilerLog, compile_model, require_compiler
from convert.gate.ladder import Outcome, climb
from convert.gate.limits import FAILED, INCONCLUSIVE, Limits, Verdict
from convert.gate.text import gate_text
from convert.gate.workbench import Step, Workbench
from convert.layers.operator_errors import OperatorError, operator_errors
from convert.layers.report import layers_text, write_csv, write_plot
from convert.lint.lint import Lint, lint
from convert.lint.text import lint_text
from convert.publish import publish
from convert.quantise.recipes import Recipe
from convert.quantise.representative import choose
from edge_runtime.common.console import note
from edge_runtime.common.text import as_utf8, printable
from edge_runtime.core.card import Card
from edge_runtime.core.model_file import read_model_file
from edge_runtime.errors import GateFailed, NotConclusive, WrongUsage
from train.network.silence import silenced
from train.runs.run import Run

_LAYER_IMAGES = 32


@dataclass(frozen=True)
class Order:
    """What ``thinsmear convert`` was asked to do; see its options."""

    run: Path
    out: Path
    recipe: Recipe
    target: str
    compile: bool
    size: int
    method: str
    correct_bias: bool
    ladder: bool
    layers: bool
    facts: Mapping[str, str]
    data: Path | None
    seed: int
    limits: Limits


@dataclass(frozen=True)
class Result:
    """What a command has to say.

    Attributes:
        document: for machines.
        text: for people.
        verdict: decides the exit code; None when there is nothing to decide.
        advice: added to a failure's sentence.
    """

    document: dict[str, Any]
    text: str
    verdict: Verdict | None = None
    advice: str = ""

    def raise_unless_passed(self) -> None:
        """End the command as the verdict says.

        Raises:
            GateFailed: it failed.
            NotConclusive: it could not be decided.
        """
        if self.verdict is not None and self.verdict.name == FAILED:
            raise GateFailed(f"{self.verdict.reason} {self.advice}".strip())
        if self.verdict is not None and self.verdict.name == INCONCLUSIVE:
            raise NotConclusive(f"{self.verdict.reason} {self.advice}".strip())


def open_bench(run: Path, data: Path | None, limits: Limits | None, seed: int) -> Workbench:
    """A run on the bench, with TensorFlow up.

    Raises:
        WrongUsage: no run, or its training has not finished.
        EnvironmentLacks: no TensorFlow.
    """
    from train.network.tensorflow_setup import require_tensorflow

    opened = Run.open(run, data)
    if not opened.finished:
        raise WrongUsage(f"{printable(run)} holds no model yet; continue with `thinsmear train --resume`.")
    with silenced():
        require_tensorflow()
    return Workbench(opened, limits, seed)


def carry_out(order: Order) -> Result:
    """Convert, climb the ladder where needed, publish, lint, and compile when asked to."""
    from train.synthetic import golden_images

    if order.compile:
        require_compiler()
    if not order.out.parent.is_dir():
        raise WrongUsage(f"There is no folder {printable(order.out.parent)}; make it first.")
    bench = open_bench(order.run, order.data, order.limits, order.seed)
    step = Step(order.recipe, order.method, order.size, order.correct_bias)
    outcome = climb(bench, step, order.target, order.ladder)
    path, card = publish(bench, outcome, order.out, order.target, order.facts, golden_images(96, 80))
    found = lint(outcome.best.flatbuffer, order.target, bench.run.contract)
    errors = _measure(bench, outcome, order.out) if order.layers else None
    failed = outcome.best.drift.verdict.name == FAILED
    compiled: tuple[Path, CompilerLog] | None = None
    if order.compile and not failed:
        place = order.out.with_name(f"{order.out.stem}_edgetpu.tflite")
        compiled = place, compile_model(read_model_file(path), place)
    return _result(bench, outcome, path, card, found, errors, compiled)


def _measure(bench: Workbench, outcome: Outcome, out: Path) -> tuple[OperatorError, ...]:
    cells = bench.run.cells
    rows = choose(cells.labels, cells.patients, bench.run.parts, _LAYER_IMAGES, bench.seed, part="test")
    quantizer, _ = bench.quantizer(None)
    errors = operator_errors(
        outcome.best.flatbuffer, quantizer.float_flatbuffer, bench.run.contract, bench.pixels[rows]
    )
    for ending, write in ((".layers.csv", write_csv), (".layers.png", write_plot)):
        path = out.with_suffix(ending)
        write(errors, path)
        note(f"Wrote {printable(path)}.")
    return errors


def _result(
    bench: Workbench,
    outcome: Outcome,
    path: Path,
    card: Card,
    found: Lint,
    errors: tuple[OperatorError, ...] | None,
    compiled: tuple[Path, CompilerLog] | None,
) -> Result:
    drift, file = outcome.best.drift, read_model_file(path)
    size = path.stat().st_size
    document: dict[str, Any] = {
        "model": {"path": as_utf8(path), "id": file.id, "sha256": file.sha256, "bytes": size},
        "published": drift.verdict.name != FAILED,
        "recipe": outcome.best.step.recipe.name,
        "attempts": card.details["quantisation"]["attempts"],
        "advice": outcome.advice,
        "gate": drift.to_json(bench.held_out.paths),
        "metrics": card.details["metrics"],
        "lint": {**asdict(found), "passed": found.passed},
        "layers": None if errors is None else [asdict(error) for error in errors],
        "edgetpu": None if compiled is None else {"path": as_utf8(compiled[0]), **compiled[1].to_json()},
    }
    parts = [gate_text(drift, bench.held_out.paths, outcome.best.step.recipe.name)]
    if errors is not None:
        parts.append(layers_text(errors))
    parts.append(lint_text(found))
    if compiled is not None:
        parts.append(f"{compiled[1].summary}\n{printable(compiled[0])}: compiled for the Edge TPU")
    parts.append(f"{printable(path)}: {size:,} bytes, model {file.id}, recipe {outcome.best.step.recipe.name}")
    advice = outcome.advice or ""
    if drift.verdict.name == FAILED:
        advice = f"The model is kept as {printable(path)}. {advice}"
    return Result(document, "\n\n".join(parts), drift.verdict, advice.strip())
