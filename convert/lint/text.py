"""Lint findings as a text for people."""

from __future__ import annotations

from collections.abc import Iterator

from convert.lint.findings import Finding
from convert.lint.lint import Lint

_PLACES = 3


def lint_text(found: Lint, every: bool = False) -> str:
    """One paragraph for each rule with its cure and the first places, or with all of them."""
    head = f"Lint for {found.target}: {found.operators} operators, {found.weights_bytes:,} bytes of weights"
    if found.passed:
        return f"{head}, nothing found."
    return "\n".join([f"{head}, {len(found.findings)} findings.", *_rules(found.findings, every)])


def _rules(findings: tuple[Finding, ...], every: bool) -> Iterator[str]:
    for severity, rule in dict.fromkeys((finding.severity, finding.rule) for finding in findings):
        group = [finding for finding in findings if (finding.severity, finding.rule) == (severity, rule)]
        shown = group if every else group[:_PLACES]
        yield f"\n{severity} {rule}:"
        yield from (f"  {finding.place}: {finding.message}" for finding in shown)
        if len(shown) < len(group):
            yield f"  and {len(group) - len(shown)} more (--all lists them)"
        yield from (f"  Cure: {cure}." for cure in dict.fromkeys(finding.cure for finding in group))
