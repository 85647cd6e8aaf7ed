"""Options that several commands share; their help needs none of the packages that do the work."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

INPUT_RANGES = ("0..1", "-1..1", "0..255")  # of edge_runtime.inspection.cardless, which needs NumPy
_WHOSE = "For models without a card:"
_OPTIONS = (
    click.option("--labels", metavar="A,B", help=f"{_WHOSE} class names in the order of the outputs."),
    click.option("--positive", metavar="LABEL", help=f"{_WHOSE} the label that means parasitized."),
    click.option(
        "--input-range",
        type=click.Choice(INPUT_RANGES),
        help=f"{_WHOSE} what pixels 0..255 became in training.",
    ),
)


def cardless_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a click command what describes a model without a card.

    The command gets it in one argument, ``description``, an
    :class:`edge_runtime.inspection.opening.ModelDescription`.
    """

    @functools.wraps(command)
    def described(*, labels: str | None, positive: str | None, input_range: str | None, **rest: Any) -> Any:
        from edge_runtime.inspection.opening import ModelDescription

        return command(description=ModelDescription(labels, positive, input_range), **rest)

    for option in reversed(_OPTIONS):
        described = option(described)
    return described
