"""Options that the conversion commands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from convert.gate.limits import Limits

_HELP = {
    "accuracy": "Largest loss of accuracy at P 0.5.",
    "agreement": "Smallest share of cells with the same decision.",
    "auc": "Largest loss of AUC.",
    "bound": "Largest accuracy loss that the held-out patients must exclude (one-sided, 95 %).",
    "sensitivity": "Largest loss of sensitivity at P 0.5.",
    "specificity": "Largest loss of specificity at P 0.5.",
    "ece": "Largest rise of the calibration error.",
    "probability": "Largest change of any cell's probability.",
}


def limit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--limit-accuracy`` and its like, one for each field of :class:`convert.gate.limits.Limits`."""
    for field in reversed(fields(Limits)):
        command = click.option(
            f"--limit-{field.name}",
            default=field.default,
            show_default=field.default is not None,
            type=click.FloatRange(0, 1),
            help=f"{_HELP[field.name]} A share, 0 to 1.",
        )(command)
    return command


def make_limits(values: Mapping[str, float | None]) -> Limits:
    """The limits that ``limit_options`` gave to a command."""
    return Limits(**{name.removeprefix("limit_"): value for name, value in values.items()})  # type: ignore[arg-type]


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--data`` and ``--seed``."""
    command = click.option(
        "--seed",
        default=0,
        show_default=True,
        type=click.IntRange(0, 2**31 - 1),
        help="Chooses the images and seeds the bootstrap.",
    )(command)
    return click.option(
        "--data",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="Where the run's images lie now, when they have moved.",
    )(command)


model_argument = click.argument("model", metavar="MODEL")
against_option = click.option(
    "--against", metavar="RUN", required=True, type=click.Path(path_type=Path), help="The run the model was made from."
)
