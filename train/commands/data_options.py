"""Options of every command that reads labelled cells; their help needs none of the packages that do the work."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from train.data.reading import Reading

READING = ("patients", "parasitized", "ignore_folders", "skip_unnamed")  # what the options are called in a context


def _numbers(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...]:
    """``0`` or ``1,2`` as the numbers that folders or labels have; yes and no are numbers too."""
    from train.data.labels import number_in

    if value is None:
        return ()
    found = [number_in(piece) for piece in value.split(",")]
    if None in found:
        raise click.BadParameter(f'"{value}" is no number of a folder or label; folders with names need no option.')
    return tuple(str(number) for number in found)


_OPTIONS = (
    click.option("--patients", metavar="REGEX",
                 help="Finds the patient in a file name (group 1, or all of the match)."),
    click.option("--parasitized", metavar="NUMBER", callback=_numbers,
                 help="Where folders or labels are numbers: the one that means parasitized (or several: 1,2)."),
    click.option("--ignore-folders", is_flag=True, help="Leave out images in folders whose names say no class."),
    click.option("--skip-unnamed", is_flag=True, help="Leave out images that name no patient where others do."),
)  # fmt: skip


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a click command what says how its labelled data are read.

    The command gets it in one argument, ``reading``, a :class:`train.data.reading.Reading`.
    """

    @functools.wraps(command)
    def reading_data(
        *, patients: str | None, parasitized: tuple[str, ...], ignore_folders: bool, skip_unnamed: bool, **rest: Any
    ) -> Any:
        return command(reading=Reading(patients, parasitized, ignore_folders, skip_unnamed), **rest)

    for option in reversed(_OPTIONS):
        reading_data = option(reading_data)
    return reading_data
