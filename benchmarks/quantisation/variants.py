"""What each way of quantising costs: every recipe, calibration method, size and seed on the same held-out cells."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quantisation.ai_edge_quantizer import ALGORITHMS, available, by_ai_edge_quantizer
from convert.gate.attempts import Attempt, Attempts, ConversionSettings
from convert.gate.gate import Gate
from convert.gate.held_out import hold_out
from convert.gate.sensitivity import most_sensitive
from convert.quantise.recipes import RECIPES
from convert.quantise.trained_model import open_trained_model
from edge_runtime.common.files import write_atomically
from edge_runtime.core.backends import open_interpreter
from edge_runtime.errors import BadData, ThinsmearError, WrongUsage
from train.metrics.metrics import sensitivity_at_specificity
from train.runs.run import Run

SPECIFICITY = 0.975  # at which sensitivities are compared
_CALLS = 200


@dataclass(frozen=True)
class Variant:
    """One way of converting: a recipe (or one of ai-edge-quantizer's), and what its calibration looks at."""

    recipe: str
    method: str = "minmax"
    bias_correction: bool = True
    size: int = 0
    seed: int = 0

    @property
    def name(self) -> str:
        """Short and unique."""
        if not self.size:
            return self.recipe
        method = "" if self.recipe in ALGORITHMS else f" {self.method}{'+bias' if self.bias_correction else ''}"
        return f"{self.recipe}{method} n={self.size} seed={self.seed}"


@dataclass(frozen=True)
class VariantResult:
    """How one variant did; figures are None and ``error`` says why when it could not be made.

    Attributes:
        bytes: size of the flatbuffer.
        accuracy, auc, ece: of the converted model with its own calibration.
        sensitivity: at specificity 0.975.
        agreement: share of cells decided as by the float model.
        worst_patient: largest loss of accuracy of any patient with 20 cells or more.
        milliseconds: median of one call of the bare interpreter, one thread.
    """

    variant: Variant
    bytes: int | None = None
    accuracy: float | None = None
    accuracy_change: float | None = None
    auc: float | None = None
    auc_change: float | None = None
    sensitivity: float | None = None
    ece: float | None = None
    agreement: float | None = None
    worst_patient: float | None = None
    milliseconds: float | None = None
    gate: str | None = None
    error: str | None = None

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> VariantResult:
        """Read back what :func:`dataclasses.asdict` gave."""
        return cls(**{**document, "variant": Variant(**document["variant"])})


def variants(
    recipes: Sequence[str], sizes: Sequence[int], seeds: Sequence[int], methods: Sequence[str]
) -> list[Variant]:
    """Everything to be tried: the methods, and with and without bias correction, for int8; sizes and seeds where
    images calibrate.

    Raises:
        WrongUsage: an unknown recipe.
    """
    known = [*RECIPES, *ALGORITHMS]
    wrong = [name for name in recipes if name not in known]
    if wrong:
        raise WrongUsage(f"There is no recipe {wrong[0]!r}; there are {', '.join(known)}.")
    found: list[Variant] = []
    for name in recipes:
        if name in RECIPES and not RECIPES[name].calibrated:
            found.append(Variant(name))
            continue
        ours = name in RECIPES and RECIPES[name].activations == "int8"
        for method in methods if name == "int8" else ["minmax"]:
            for corrected in (True, False) if name == "int8" else (ours or name in RECIPES,):
                found += [Variant(name, method, corrected, size, seed) for size in sizes for seed in seeds]
    return found


def measure(run: Path, data: Path | None, wanted: Sequence[Variant], kept: Path | None) -> Iterator[VariantResult]:
    """Make and measure every variant, in turn; those already in ``kept`` are not made again.

    Args:
        run: a finished run.
        data: where its images lie now, when they have moved.
        wanted: see :func:`variants`.
        kept: a JSON-lines file that grows row by row, so that a benchmark that was stopped continues.

    Yields:
        Rows in the order of ``wanted``; a variant that fails is a row with its error.
    """
    known = {} if kept is None else _read_rows(kept, run)
    by_seed: dict[int, Attempts] = {}
    for variant in wanted:
        if variant in known:
            yield known[variant]
            continue
        if variant.seed not in by_seed:
            by_seed[variant.seed] = _attempts(run, data, variant.seed, next(iter(by_seed.values()), None))
        try:
            row = _row(by_seed[variant.seed], variant)
        except ThinsmearError as error:
            row = VariantResult(variant, error=str(error))
        except (ValueError, RuntimeError) as error:  # what the converters raise
            said = str(error).splitlines()[0] if str(error) else ""
            row = VariantResult(variant, error=f"{type(error).__name__}: {said}")
        if kept is not None:
            known[variant] = row
            lines = [json.dumps({"run": _identity(run)}), *(json.dumps(asdict(one)) for one in known.values())]
            write_atomically(kept, "\n".join(lines) + "\n")
        yield row


def _attempts(run: Path, data: Path | None, seed: int, other: Attempts | None) -> Attempts:
    """Attempts at a run with this seed; the float model's answers do not depend on it and come from the other's."""
    if other is not None:
        return Attempts(other.trained, replace(other.gate, seed=seed))
    trained = open_trained_model(run, data)
    return Attempts(trained, Gate(hold_out(trained), seed=seed))


def _row(attempts: Attempts, variant: Variant) -> VariantResult:
    attempt = _attempt(attempts, variant)
    drift = attempt.drift
    labels = attempts.gate.held_out.cells.labels
    attained = sensitivity_at_specificity(labels, attempt.answers.logits, SPECIFICITY)
    losses = [p.float_accuracy - p.converted_accuracy for p in drift.per_patient if p.cells >= 20]
    return VariantResult(
        variant,
        bytes=len(attempt.flatbuffer),
        accuracy=drift.figures["accuracy"].converted,
        accuracy_change=drift.figures["accuracy"].change,
        auc=drift.figures["auc"].converted,
        auc_change=drift.figures["auc"].change,
        sensitivity=None if attained is None else attained.value,
        ece=drift.figures["ece"].converted,
        agreement=drift.agreement,
        worst_patient=max(losses, default=None),
        milliseconds=_milliseconds(attempt.flatbuffer),
        gate=drift.decision.name,
    )


def _attempt(attempts: Attempts, variant: Variant) -> Attempt:
    if variant.recipe in ALGORITHMS:
        if not available():
            raise WrongUsage("ai-edge-quantizer is not installed: pip install ai-edge-quantizer")
        flatbuffer, images = by_ai_edge_quantizer(attempts, variant.recipe, variant.size)
        return attempts.judge(
            ConversionSettings(RECIPES["int8"], variant.recipe, variant.size, False), flatbuffer, images
        )
    recipe = RECIPES[variant.recipe]
    settings = ConversionSettings(recipe, variant.method, variant.size or 1, variant.bias_correction)
    if recipe.mixed:
        settings = replace(settings, keep_float=most_sensitive(attempts, settings))
    return attempts.convert(settings)


def _milliseconds(flatbuffer: bytes) -> float:
    interpreter = open_interpreter(flatbuffer)
    batch = np.zeros(interpreter.input.shape, interpreter.input.dtype)
    spans = []
    for _ in range(_CALLS):
        started = time.perf_counter()
        interpreter.run(batch)
        spans.append(time.perf_counter() - started)
    return float(np.median(spans[_CALLS // 10 :]) * 1000)


def _identity(run: Path) -> str:
    return str(Run.open(run).config["data"]["split_sha256"])


def _read_rows(path: Path, run: Path) -> dict[Variant, VariantResult]:
    if not path.is_file():
        return {}
    try:
        head, *lines = path.read_text(encoding="utf-8").splitlines()
        rows = [VariantResult.from_json(json.loads(line)) for line in lines]
        if json.loads(head)["run"] != _identity(run):
            raise WrongUsage(f"{path} holds the results of another run; choose another --out.")
    except (ValueError, KeyError, TypeError) as error:
        raise BadData(f"{path} is damaged ({error}); delete it to begin again.") from error
    return {row.variant: row for row in rows if row.error is None}


def pareto(rows: Sequence[VariantResult]) -> set[str]:
    """Names of the rows that no other beats in accuracy and in time at once."""
    whole = [(row.variant.name, row.accuracy, row.milliseconds) for row in rows if row.error is None]
    best = set()
    for name, accuracy, time_taken in whole:
        assert accuracy is not None and time_taken is not None
        beaten = any(
            a >= accuracy and t <= time_taken and (a > accuracy or t < time_taken)
            for _, a, t in whole
            if a is not None and t is not None
        )
        if not beaten:
            best.add(name)
    return best
