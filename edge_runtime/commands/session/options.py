"""Options that several commands of a session share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from edge_runtime.sessions.records import STAINS
from edge_runtime.sessions.store.store import MIN_FREE

MEGABYTE = 1_000_000
Command = Callable[..., Any]

store_option = click.option(
    "--store", "folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the sessions [THINSMEAR_STORE, else the user's data folder].",
)  # fmt: skip
free_option = click.option(
    "--min-free", default=MIN_FREE // MEGABYTE, show_default=True, metavar="MB", type=click.IntRange(0),
    help="Refuse to go on with less free disk space.",
)  # fmt: skip
session_argument = click.argument("code", metavar="[SESSION]", required=False)
plan_options = (
    click.option("--site", metavar="CODE", help="Site [the store's, see `session site`]."),
    click.option("--operator", metavar="CODE", help="Who is at the microscope."),
    click.option("--stain", type=click.Choice(STAINS), help="Stain of the slide."),
    click.option("--magnification", metavar="X", type=float, help="Magnification, 10 to 4000."),
)
image_options = (
    click.option("--cells", "single", is_flag=True, help="Each image is one cell; default: a whole field."),
    click.option("--model", metavar="FILE|NAME", help="Model file, or the name of one that comes along [default]."),
)


def with_all(options: tuple[Callable[[Command], Command], ...]) -> Callable[[Command], Command]:
    """Several options at once, in the order of the tuple."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
