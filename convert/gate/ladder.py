"""What to try when a conversion fails its gate, in order, each rung saying what it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from convert.gate.limits import FAILED
from convert.gate.sensitivity import most_sensitive
from convert.gate.workbench import Candidate, Step, Workbench
from convert.quantise.recipes import CPU, RECIPES
from edge_runtime.common.console import note

_LARGER = 4
_KEPT_IN_FLOAT = (4, 8, 16)
_METHODS = ("mse", "percentile")
_LEFT_TO_DO = (
    "What is left for an Edge TPU, which runs nothing but int8: train the network longer or with stronger weight decay "
    "so that its activations stay in a narrow range, add label smoothing so that its logits do, choose --alpha 1.0 "
    "instead of a thinner network, or accept the loss with wider --limit options. `thinsmear layers` shows the "
    "operators that lose most."
)


@dataclass(frozen=True)
class Outcome:
    """What the ladder came to.

    Attributes:
        best: the first candidate that did not fail, else the one that agrees most with the float model.
        tried: every candidate, in order.
        advice: what a person can still do; None unless every rung failed.
    """

    best: Candidate
    tried: tuple[Candidate, ...]
    advice: str | None


def climb(bench: Workbench, first: Step, target: str, ladder: bool = True) -> Outcome:
    """Convert, and while the gate fails try the next rung.

    The rungs: a larger calibration set; the other calibration methods; then, where the target is a CPU, the most
    sensitive operators are searched for and kept in float, more and more of them.

    Args:
        first: the attempt asked for.
        target: "cpu" or "edgetpu".
        ladder: False stops after the first attempt.
    """
    if first.recipe.mixed and not first.keep_float:
        first = replace(first, keep_float=_searched(bench, first)[: _KEPT_IN_FLOAT[0]])
    tried = [_try(bench, first, f"Converting by the recipe {first.recipe.name}")]
    if ladder and tried[0].drift.verdict.name == FAILED and first.recipe.activations == "int8":
        for what, step in _rungs(bench, tried, target):
            tried.append(_try(bench, step, f"The gate failed; next: {what}"))
            if tried[-1].drift.verdict.name != FAILED:
                break
    best = min(tried, key=lambda candidate: (candidate.drift.verdict.name == FAILED, -candidate.drift.agreement))
    failed = best.drift.verdict.name == FAILED
    advice = None
    if failed and ladder:
        advice = _LEFT_TO_DO if target != CPU else "Try the recipe float16, which loses next to nothing."
    return Outcome(best, tuple(tried), advice)


def _try(bench: Workbench, step: Step, message: str) -> Candidate:
    note(f"{message} ...")
    candidate = bench.attempt(step)
    figures = candidate.drift.figures
    shifts = ", ".join(
        f"{name} {figures[name].change:+.4f}" for name in ("accuracy", "auc") if figures[name].change is not None
    )
    note(f"  gate {candidate.drift.verdict.name}: agreement {candidate.drift.agreement:.2%}, {shifts}")
    return candidate


def _rungs(bench: Workbench, tried: list[Candidate], target: str) -> Iterator[tuple[str, Step]]:
    first = tried[0].step
    if not first.recipe.mixed:
        training = len(bench.run.indices("train"))
        size = min(_LARGER * first.size, training)
        if size > first.size:
            yield f"{size} calibration images", replace(first, size=size)
        for method in _METHODS:
            if method != first.method:
                yield f"the calibration method {method}", replace(_best(tried).step, method=method)
    if target == CPU:
        yield from _mixed_rungs(bench, tried)


def _mixed_rungs(bench: Workbench, tried: list[Candidate]) -> Iterator[tuple[str, Step]]:
    base = replace(_best(tried).step, recipe=RECIPES["int8-mixed"], keep_float=())
    ranked = _searched(bench, base)
    done = {candidate.step.keep_float for candidate in tried}
    for count in _KEPT_IN_FLOAT:
        kept = ranked[:count]
        if kept not in done:
            done.add(kept)
            yield f"the {len(kept)} most sensitive operators in float", replace(base, keep_float=kept)


def _searched(bench: Workbench, step: Step) -> tuple[str, ...]:
    note("Searching for the operators that lose most ...")
    return most_sensitive(bench, step)


def _best(tried: list[Candidate]) -> Candidate:
    return max(tried, key=lambda candidate: candidate.drift.agreement)
