"""``thinsmear doctor``: what this machine can do, and what to fix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from edge_runtime.common.console import emit_json, json_option, verbosity_options
from edge_runtime.errors import EnvironmentLacks

if TYPE_CHECKING:
    from edge_runtime.doctor import Finding

_DOCUMENT_VERSION = 1


@click.command(
    short_help="What this machine can do, and what to fix.",
    epilog="""\b
Examples:
  thinsmear doctor                        this machine and the model that comes with the program
  thinsmear doctor --model model.tflite   with a model of your own
  thinsmear doctor --json | python -m json.tool

Exit code 3 when cells cannot be classified here; warnings, heat and a missing camera do not change it.""",
)
@click.option("--model", metavar="FILE|NAME", help="Model file, or the name of one that comes along [default].")
@json_option
@verbosity_options
def doctor(model: str | None, as_json: bool) -> None:
    """Check this machine: Python, packages, model, accelerator, cameras, board, memory, disk, clock.

    Each line is ok, warn or fail, with its cure below. The model's golden vectors are computed on the way, so an ok
    means that this machine computes what the model's makers saw.
    """
    from edge_runtime.doctor import ESSENTIAL, can_classify, examine

    findings = examine(model)
    fine = can_classify(findings)
    if as_json:
        emit_json({"version": _DOCUMENT_VERSION, "ok": fine, "findings": [asdict(finding) for finding in findings]})
    else:
        click.echo("\n".join(_lines(findings)))
        if fine:
            click.echo("\nThis machine can classify cells.")
    if not fine:
        failed = sorted({f.name for f in findings if f.status == "fail" and f.name in ESSENTIAL})
        raise EnvironmentLacks(f"This machine cannot classify cells: {', '.join(failed)} failed; the cures are above.")


def _lines(findings: Iterable[Finding]) -> Iterable[str]:
    findings = list(findings)
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        yield f"{finding.status:4}  {finding.name:{width}}  {finding.message}"
        if finding.cure:
            yield f"{'':{width + 8}}{finding.cure}"
