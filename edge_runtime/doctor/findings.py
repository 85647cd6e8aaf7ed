"""What a check finds: one line with a status and, where something is to be done, the cure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edge_runtime.common.text import printable

Status = Literal["ok", "warn", "fail"]

# what classification cannot do without; other failures are the machine's business, not the main job's
ESSENTIAL = frozenset({"python", "architecture", "numpy", "pillow", "runtime", "model", "golden"})


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        name: what was checked, one word.
        status: "ok"; "warn" (works, but); "fail" (does not work, or does harm).
        message: one sentence of what was found, with the value seen.
        cure: what to do about it; None when nothing is to be done.
    """

    name: str
    status: Status
    message: str
    cure: str | None = None


def ok(name: str, message: str) -> Finding:
    """All is well."""
    return Finding(name, "ok", message)


def warn(name: str, message: str, cure: str) -> Finding:
    """It works, but somebody should know."""
    return Finding(name, "warn", message, cure)


def fail(name: str, message: str, cure: str) -> Finding:
    """It does not work."""
    return Finding(name, "fail", message, cure)


def guarded(name: str, check: Callable[[], list[Finding]]) -> list[Finding]:
    """Run a check; whatever it raises becomes a finding, for a self-test must survive the machine it tests."""
    try:
        return check()
    except Exception as error:  # any: systems differ in what they refuse
        reason = printable(" ".join(f"{type(error).__name__}: {error}".split()))
        status: Status = "fail" if name in ESSENTIAL else "warn"
        return [Finding(name, status, f"It could not be checked ({reason}).", "Report this line to the makers.")]
