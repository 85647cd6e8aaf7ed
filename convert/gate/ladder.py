"""What to try when a conversion fails its gate, in order, each rung saying what it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from convert.gate.attempts import Attempt, Attempts, ConversionSettings
from convert.gate.sensitivity import most_sensitive
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
class LadderOutcome:
    """What the ladder came to.

    Attributes:
        best: the first attempt that did not fail, else the one that agrees most with the float model.
        tried: every attempt, in order.
        advice: what a person can still do; None unless every rung failed.
    """

    best: Attempt
    tried: tuple[Attempt, ...]
    advice: str | None


def climb(attempts: Attempts, first: ConversionSettings, target: str, ladder: bool = True) -> LadderOutcome:
    """Convert, and while the gate fails try the next rung.

    The rungs: a larger calibration set; the other calibration methods; then, where the target is a CPU, the most
    sensitive operators are searched for and kept in float, more and more of them.

    Args:
        first: the settings asked for.
        target: "cpu" or "edgetpu".
        ladder: False stops after the first attempt.
    """
    if first.recipe.mixed and not first.keep_float:
        first = replace(first, keep_float=_searched(attempts, first)[: _KEPT_IN_FLOAT[0]])
    tried = [_try(attempts, first, f"Converting by the recipe {first.recipe.name}")]
    if ladder and tried[0].failed and first.recipe.activations == "int8":
        for what, settings in _rungs(attempts, tried, target):
            tried.append(_try(attempts, settings, f"The gate failed; next: {what}"))
            if not tried[-1].failed:
                break
    best = min(tried, key=lambda attempt: (attempt.failed, -attempt.drift.agreement))
    advice = None
    if best.failed and ladder:
        advice = _LEFT_TO_DO if target != CPU else "Try the recipe float16, which loses next to nothing."
    return LadderOutcome(best, tuple(tried), advice)


def _try(attempts: Attempts, settings: ConversionSettings, message: str) -> Attempt:
    note(f"{message} ...")
    attempt = attempts.convert(settings)
    figures = attempt.drift.figures
    shifts = ", ".join(
        f"{name} {figures[name].change:+.4f}" for name in ("accuracy", "auc") if figures[name].change is not None
    )
    note(f"  gate {attempt.drift.decision.name}: agreement {attempt.drift.agreement:.2%}, {shifts}")
    return attempt


def _rungs(attempts: Attempts, tried: list[Attempt], target: str) -> Iterator[tuple[str, ConversionSettings]]:
    first = tried[0].settings
    if not first.recipe.mixed:
        training = len(attempts.trained.run.indices("train"))
        size = min(_LARGER * first.size, training)
        if size > first.size:
            yield f"{size} calibration images", replace(first, size=size)
        for method in _METHODS:
            if method != first.method:
                yield f"the calibration method {method}", replace(_best(tried).settings, method=method)
    if target == CPU:
        yield from _mixed_rungs(attempts, tried)


def _mixed_rungs(attempts: Attempts, tried: list[Attempt]) -> Iterator[tuple[str, ConversionSettings]]:
    base = replace(_best(tried).settings, recipe=RECIPES["int8-mixed"], keep_float=())
    ranked = _searched(attempts, base)
    done = {attempt.settings.keep_float for attempt in tried}
    for count in _KEPT_IN_FLOAT:
        kept = ranked[:count]
        if kept not in done:
            done.add(kept)
            yield f"the {len(kept)} most sensitive operators in float", replace(base, keep_float=kept)


def _searched(attempts: Attempts, settings: ConversionSettings) -> tuple[str, ...]:
    note("Searching for the operators that lose most ...")
    return most_sensitive(attempts, settings)


def _best(tried: list[Attempt]) -> Attempt:
    return max(tried, key=lambda attempt: attempt.drift.agreement)
