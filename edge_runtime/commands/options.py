"""Options that several commands share; their help needs none of the packages that do the work."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from edge_runtime.common.console import is_quiet, note
from edge_runtime.errors import WrongUsage

INPUT_RANGES = ("0..1", "-1..1", "0..255")  # of edge_runtime.inspection.cardless, which needs NumPy
CHANNELS = ("RGB", "BGR")  # of the same module
OUTPUTS = ("probability", "logit", "class")  # of edge_runtime.inspection.output_meaning
_WHOSE = "For models without a card:"
# names of their values
DESCRIBING = ("labels", "positive", "input_range", "mean", "std", "channels", "model_size", "output_kind")
_LARGEST_SIDE = 4096
_OPTIONS = (
    click.option(
        "--labels",
        metavar="A,B",
        help=f"{_WHOSE} class names in the order of the outputs, or a file with one a line [what the file says].",
    ),
    click.option("--positive", metavar="LABEL", help=f"{_WHOSE} the label that means parasitized."),
    click.option(
        "--input-range",
        type=click.Choice(INPUT_RANGES),
        help=f"{_WHOSE} what pixels 0..255 became in training [what the file says].",
    ),
    click.option(
        "--mean", metavar="M", help=f"{_WHOSE} or the mean of pixels 0..255, one or three numbers; with --std."
    ),
    click.option("--std", metavar="S", help=f"{_WHOSE} by what they were divided; below 1, of pixels 0..1."),
    click.option("--channels", type=click.Choice(CHANNELS), help=f"{_WHOSE} order of the colours [RGB]."),
    click.option(
        "--size", "model_size", metavar="WxH", help=f"{_WHOSE} the pictures' size in training, where it takes any."
    ),
    click.option(
        "--output",
        "output_kind",
        type=click.Choice(OUTPUTS),
        help=f"{_WHOSE} what it gives [by its quantisation and by its values on a trial].",
    ),
)


def cardless_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a click command what describes a model without a card.

    The command gets it in one argument, ``description``, an
    :class:`edge_runtime.inspection.opening.ModelDescription`.
    """

    @functools.wraps(command)
    def described(**given: Any) -> Any:
        from edge_runtime.inspection.opening import ModelDescription

        said = {name: given.pop(name) for name in ("labels", "positive", "input_range", "channels")}
        description = ModelDescription(
            **said,
            output=given.pop("output_kind"),
            mean=_numbers("--mean", given.pop("mean")),
            std=_numbers("--std", given.pop("std")),
            size=_size(given.pop("model_size")),
            tell=None if is_quiet() else note,
        )
        return command(description=description, **given)

    for option in reversed(_OPTIONS):
        described = option(described)
    return described


def _numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise WrongUsage(f"{option} is {text!r}; write one number or three, as in 123.7,116.3,103.5.") from error


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    width, _, height = text.lower().partition("x")
    sides = (width, height or width)
    if not all(side.isdecimal() and 1 <= int(side) <= _LARGEST_SIDE for side in sides):
        raise WrongUsage(f"--size is {text!r}; write it as WIDTHxHEIGHT in pixels, as in 128x128.")
    return int(sides[0]), int(sides[1])
