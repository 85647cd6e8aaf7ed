"""The self-test behind ``thinsmear doctor``: small checks, each of which ends as one finding with its cure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from edge_runtime.doctor import accelerators, board, cameras, golden_check, resources, runtime, system
from edge_runtime.doctor.findings import ESSENTIAL, Finding, fail, guarded, ok, warn

__all__ = ["ESSENTIAL", "Finding", "can_classify", "examine", "fail", "ok", "warn"]


def examine(model: str | None = None, root: Path = Path("/")) -> list[Finding]:
    """Every check of this machine, in the order in which a person reads them. Raises nothing, hangs on nothing.

    Args:
        model: a model file or the name of a model that comes along; None: the default model.
        root: where /proc, /sys, /dev, /usr and /var are.
    """
    checks: Sequence[tuple[str, Callable[[], list[Finding]]]] = (
        ("python", lambda: [system.check_python()]),
        ("architecture", lambda: [system.check_architecture()]),
        ("runtime", runtime.check_packages),
        ("model", lambda: golden_check.check_model(model)),
        ("accelerator", lambda: [accelerators.check_accelerator(root)]),
        ("camera", lambda: cameras.check_cameras(root)),
        ("governor", lambda: [board.check_governor(root)]),
        ("temperature", lambda: [board.check_temperature(root)]),
        ("throttling", lambda: [board.check_throttling(root)]),
        ("memory", lambda: [resources.check_memory(root)]),
        ("disk", lambda: [resources.check_store(root)]),
        ("clock", lambda: [resources.check_clock(root)]),
    )
    findings = [finding for name, check in checks for finding in guarded(name, check)]
    failed = {finding.name for finding in findings if finding.status == "fail"}
    # installed is not yet usable: what the proof refutes is not called ok
    return [finding for finding in findings if finding.status != "ok" or finding.name not in failed]


def can_classify(findings: Sequence[Finding]) -> bool:
    """Whether the main job can run: nothing that it needs has failed."""
    return not any(finding.status == "fail" and finding.name in ESSENTIAL for finding in findings)
