"""When a count may stop: how many red cells the guidelines ask for, or a relative precision."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from edge_runtime.counting.intervals import checked_counts
from edge_runtime.counting.known_slides import KnownSlides
from edge_runtime.counting.planning import COUNTING, NOT_YET, REACHED, cells_for_precision
from edge_runtime.errors import WrongUsage


@dataclass(frozen=True)
class StopRule:
    """One rule; exactly one of ``cells`` and ``precision`` is set.

    Attributes:
        name: as it is chosen and recorded.
        cells: red cells to count.
        cells_when_low: red cells to count while fewer than 1 % of them are infected (after correction); None when that
            makes no difference.
        precision: half the 95 % interval's width over the rate, above 0, up to 1.
        source: who asks for it.
    """

    name: str
    cells: int | None
    cells_when_low: int | None
    precision: float | None
    source: str


PRESETS = {
    "who": StopRule("who", 5_000, None, None, "World Health Organization, thin film: 5,000 red cells"),
    "cdc": StopRule("cdc", 500, 2_000, None, "CDC: 500 red cells, 2,000 below 1 % parasitaemia"),
    "bsh": StopRule("bsh", 1_000, None, None, "British Society for Haematology: 1,000 red cells"),
    "nvp": StopRule("nvp", 10_000, None, None, "Dutch parasitology society (NVP): 10,000 red cells"),
}


@dataclass(frozen=True)
class StopState:
    """Where a count stands under a rule.

    Attributes:
        rule: name of the rule.
        reached: whether counting may stop.
        infected: cells called infected so far, or found by a reviewer.
        counted: red cells so far.
        target: red cells to have counted in the end, as it looks now; None when no number reaches the goal.
        to_go: target less counted, 0 when reached; None with ``target``.
        reason: in words.
        kind: "reached"; "counting", ``to_go`` are left; "not-yet", what was counted does not allow a plan; "never", no
            number of cells reaches the goal, as it looks now.
    """

    rule: str
    reached: bool
    infected: int
    counted: int
    target: int | None
    to_go: int | None
    reason: str
    kind: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def stop_rule(text: str) -> StopRule:
    """A preset by name, or a precision: ``who``, ``cdc``, ``bsh``, ``nvp``, ``0.25``, ``25%``.

    Raises:
        WrongUsage: neither a preset nor a precision above 0 and up to 1.
    """
    name = text.strip().lower()
    if name in PRESETS:
        return PRESETS[name]
    try:
        precision = float(name[:-1]) / 100 if name.endswith("%") else float(name)
    except ValueError:
        precision = 0.0
    if not 0 < precision <= 1:
        raise WrongUsage(
            f"{text!r} is no stop rule; take {', '.join(PRESETS)}, or a precision such as 25% (half the interval's "
            "width over the rate)."
        )
    return StopRule(name, None, None, precision, f"95 % interval within +- {100 * precision:.3g} % of the rate")


def stop(
    rule: StopRule,
    infected: int,
    counted: int,
    blank: KnownSlides | None = None,
    sensitivity: KnownSlides | None = None,
) -> StopState:
    """Whether a count may stop, and how many cells are to go.

    Args:
        rule: see :func:`stop_rule`.
        infected: cells called infected so far; a cell with several parasites counts once.
        counted: red cells so far, 0 or more.
        blank: parasite-free slides that the rate is corrected with; None for reviewed counts, or the raw rate.
        sensitivity: likewise.

    Raises:
        ValueError: counts out of range.
        NotConclusive: a precision is wanted of a model that calls infected cells no more often than blank ones.
    """
    if counted == 0 and infected == 0:
        first = rule.cells
        reason = "Nothing counted yet."
        return StopState(rule.name, False, 0, 0, first, first, reason, NOT_YET if first is None else COUNTING)
    infected, counted = checked_counts(infected, counted)
    if rule.precision is not None:
        plan = cells_for_precision(infected, counted, rule.precision, blank, sensitivity)
        reached = plan.kind == REACHED
        return StopState(rule.name, reached, infected, counted, plan.total, plan.more, plan.reason, plan.kind)
    assert rule.cells is not None
    target, why = rule.cells, ""
    if rule.cells_when_low is not None and _is_low(infected, counted, blank, sensitivity):
        target, why = rule.cells_when_low, " (fewer than 1 % infected)"
    to_go = max(0, target - counted)
    reason = f"{counted:,} of {target:,} red cells{why}."
    kind = COUNTING if to_go else REACHED
    return StopState(rule.name, to_go == 0, infected, counted, target, to_go, reason, kind)


def _is_low(infected: int, counted: int, blank: KnownSlides | None, sensitivity: KnownSlides | None) -> bool:
    """Whether fewer than 1 % are infected, after correction where there is a blank."""
    if blank is None:
        return infected * 100 < counted  # whole numbers, without rounding
    gain = (1.0 if sensitivity is None else sensitivity.rate) - blank.rate
    # a model that tells nothing apart shows no 1 %; then the longer count is the safe one
    return gain <= 0 or infected / counted - blank.rate < 0.01 * gain
