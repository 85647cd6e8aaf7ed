"""What a converted model is allowed to lose, and the decision on what it lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from edge_runtime.errors import GateFailed, NotConclusive, ThinsmearError, WrongUsage

PASSED, FAILED, INCONCLUSIVE = "passed", "failed", "inconclusive"
_ENDS: dict[str, type[ThinsmearError]] = {FAILED: GateFailed, INCONCLUSIVE: NotConclusive}
_LOSSES = {
    "accuracy": "loss of accuracy",
    "auc": "loss of AUC",
    "sensitivity": "loss of sensitivity",
    "specificity": "loss of specificity",
    "ece": "rise of the calibration error",
    "probability": "largest change of a probability",
}
# Differences of averages carry rounding errors; a limit is met at the limit itself.
_SLACK = 1e-12


@dataclass(frozen=True)
class Limits:
    """How far a converted model may be from the float model; shares in 0..1, None switches a limit off.

    Attributes:
        accuracy: largest loss of accuracy at P 0.5.
        agreement: smallest share of cells with the same decision at P 0.5.
        auc: largest loss of AUC.
        bound: the one-sided 95 % patient-bootstrap bound of the accuracy loss may not exceed this, or there were too
            few images to tell.
        sensitivity: largest loss of sensitivity at P 0.5.
        specificity: largest loss of specificity at P 0.5.
        ece: largest rise of the expected calibration error.
        probability: largest change of any cell's P(parasitized).
    """

    accuracy: float | None = 0.002
    agreement: float | None = 0.995
    auc: float | None = 0.001
    bound: float = 0.01
    sensitivity: float | None = None
    specificity: float | None = None
    ece: float | None = None
    probability: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not 0 <= value <= 1:
                raise WrongUsage(f"The limit for {field.name} is {value!r}; it is a share and must lie in 0..1.")


@dataclass(frozen=True)
class Check:
    """One limit.

    Attributes:
        name: field of :class:`Limits`, or "collapse".
        value: what was measured; None when it could not be.
        limit: what is allowed.
        passed: False when a measured value is beyond the limit.
        beyond: by how much, 0 when it is not.
        message: in words.
    """

    name: str
    value: float | None
    limit: float
    passed: bool
    beyond: float
    message: str


@dataclass(frozen=True)
class GateDecision:
    """The outcome of the gate.

    Attributes:
        name: "passed", "failed" or "inconclusive".
        reason: why, in one sentence.
        checks: every limit that is on.
    """

    name: str
    reason: str
    checks: tuple[Check, ...]

    def error(self, advice: str = "") -> ThinsmearError | None:
        """What the command ends with: GateFailed, NotConclusive, or None when the gate passed.

        Args:
            advice: added to the reason.
        """
        end = _ENDS.get(self.name)
        return None if end is None else end(f"{self.reason} {advice}".strip())


def judge(
    limits: Limits,
    losses: Mapping[str, float | None],
    agreement: float,
    bound: float | None,
    cells: int,
    collapsed: str | None = None,
) -> GateDecision:
    """Hold measured losses against their limits.

    Args:
        losses: by field of :class:`Limits` (accuracy, auc, sensitivity, specificity, ece, probability), above 0 when
            the converted model is worse, None where undefined.
        agreement: share of equal decisions.
        bound: one-sided 95 % upper bound of the accuracy loss, None when there is none.
        cells: how many were compared.
        collapsed: what is wrong when the converted model answers the same for every cell.
    """
    checks = []
    if limits.agreement is not None:
        beyond = max(0.0, limits.agreement - agreement - _SLACK)
        words = f"decisions agree on {agreement:.2%} of the cells, at least {limits.agreement:.2%} is asked for"
        checks.append(Check("agreement", agreement, limits.agreement, not beyond, beyond, words))
    for name, what in _LOSSES.items():
        if getattr(limits, name) is not None:
            checks.append(_check(name, what, losses[name], getattr(limits, name)))
    if collapsed is not None:
        checks.append(Check("collapse", 1.0, 0.0, False, 1.0, collapsed))
    name, reason = _decide(checks, bound, limits, cells)
    return GateDecision(name, reason, tuple(checks))


def _check(name: str, what: str, value: float | None, limit: float) -> Check:
    if value is None:
        return Check(name, None, limit, True, 0.0, f"the {what} cannot be measured, a class is missing")
    beyond = max(0.0, value - limit - _SLACK)
    words = f"the {what} is {100 * value + 0.0:.3f} points, at most {100 * limit:.3f} is allowed"
    return Check(name, value, limit, not beyond, beyond, words)


def _decide(checks: list[Check], bound: float | None, limits: Limits, cells: int) -> tuple[str, str]:
    broken = [check.message for check in checks if not check.passed]
    if broken:
        return FAILED, "Beyond its limit: " + "; ".join(broken) + "."
    unknown = [check.message for check in checks if check.value is None]
    if unknown:
        return INCONCLUSIVE, "Not every limit could be tested: " + "; ".join(unknown) + "."
    if bound is None:
        return INCONCLUSIVE, "All held-out cells come from one patient, which says nothing about others."
    if bound > limits.bound + _SLACK:
        return INCONCLUSIVE, (
            f"Every figure is within its limit, but {cells:,} cells cannot exclude an accuracy loss of "
            f"{100 * bound:.2f} points (one-sided 95 % bound; {100 * limits.bound:.2f} is allowed): more held-out "
            "cells or patients are needed."
        )
    return PASSED, f"Every figure is within its limit; the accuracy loss is below {100 * bound:.2f} points (95 %)."
