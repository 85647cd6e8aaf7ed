"""What lint finds, and how people are told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edge_runtime.common.text import printable
from edge_runtime.inspection.graph import Graph, Operator

_PLACES = 3  # of a rule, that are shown


@dataclass(frozen=True)
class LintFinding:
    """Something about a model that its target will not like.

    Attributes:
        severity: "error" when the target cannot run it (all), "warning" when it runs, but slower or otherwise.
        rule: short name of the rule.
        place: the tensor or operator.
        message: what is wrong.
        cure: what to do about it.
    """

    severity: str
    rule: str
    place: str
    message: str
    cure: str


@dataclass(frozen=True)
class Lint:
    """What was found.

    Attributes:
        target: "cpu" or "edgetpu".
        operators: how many the model has.
        weights_bytes: size of all constants.
        findings: errors first.
    """

    target: str
    operators: int
    weights_bytes: int
    findings: tuple[LintFinding, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def tensor_place(graph: Graph, number: int) -> str:
    """How a tensor is named in a finding."""
    return f"tensor {number} {printable(graph.tensors[number].name)}"


def operator_place(graph: Graph, index: int) -> str:
    """How an operator is named in a finding: its number, kind, and the layer it computes."""
    operator: Operator = graph.operators[index]
    name = graph.tensors[operator.outputs[0]].name if operator.outputs else ""
    return f"operator {index} {printable(operator.name)} {printable(name)}".rstrip()


def lint_text(found: Lint, every: bool = False) -> str:
    """One paragraph for each rule with its cure and the first places, or with all of them."""
    head = f"Lint for {found.target}: {found.operators} operators, {found.weights_bytes:,} bytes of weights"
    if found.passed:
        return f"{head}, nothing found."
    return "\n".join([f"{head}, {len(found.findings)} findings.", *_rules(found.findings, every)])


def _rules(findings: tuple[LintFinding, ...], every: bool) -> Iterator[str]:
    for severity, rule in dict.fromkeys((finding.severity, finding.rule) for finding in findings):
        group = [finding for finding in findings if (finding.severity, finding.rule) == (severity, rule)]
        shown = group if every else group[:_PLACES]
        yield f"\n{severity} {rule}:"
        yield from (f"  {finding.place}: {finding.message}" for finding in shown)
        if len(shown) < len(group):
            yield f"  and {len(group) - len(shown)} more (--all lists them)"
        yield from (f"  Cure: {cure}." for cure in dict.fromkeys(finding.cure for finding in group))
