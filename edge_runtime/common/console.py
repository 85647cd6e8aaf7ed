"""What the commands share on the terminal: progress on stderr, tables for people, JSON for machines."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click

Item = TypeVar("Item")
_QUIET = "thinsmear.quiet"  # keys in click's context, so that one call's -q does not outlive it
_VERBOSE = "thinsmear.verbose"


def verbosity_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a click command ``-q`` and ``-v``; both act on notes and progress only, never on results."""

    def set_level(context: click.Context, parameter: click.Parameter, value: int | bool) -> None:
        if not value or context.resilient_parsing:
            return
        context.meta[_QUIET if parameter.name == "quiet" else _VERBOSE] = True
        if parameter.name == "verbose":
            start = time.perf_counter()
            context.call_on_close(lambda: click.echo(_spent(time.perf_counter() - start), err=True))

    command = click.option(
        "-v",
        "--verbose",
        count=True,
        expose_value=False,
        callback=set_level,
        help="Say what it took, and what ran where.",
    )(command)
    return click.option(
        "-q",
        "--quiet",
        is_flag=True,
        expose_value=False,
        callback=set_level,
        help="No progress and no notes on stderr, errors only.",
    )(command)


json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document (or a line an item) on stdout.")

accelerator_option = click.option(
    "--accelerator",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "cpu", "edgetpu"]),
    help="Where the model runs; auto sends to a Coral Edge TPU what was compiled for one.",
)


def typed(context: click.Context) -> dict[str, str]:
    """Name and spelling of the options that stand on the command line."""
    return {
        str(option.name): "/".join((*option.opts, *option.secondary_opts))
        for option in context.command.params
        if context.get_parameter_source(str(option.name)) is click.core.ParameterSource.COMMANDLINE
    }


def note(message: str) -> None:
    """Tell the person something on stderr, unless ``-q``."""
    if not is_quiet():
        click.echo(message, err=True)


def is_quiet() -> bool:
    """Whether the running command was called with ``-q``."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(_QUIET))


def _spent(seconds: float) -> str:
    try:
        import resource
    except ImportError:  # not a Unix
        return f"{seconds:.2f} s"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return f"{seconds:.2f} s, {peak / 1e6:.0f} MB of memory at most"


def is_verbose() -> bool:
    """Whether the running command was called with ``-v``."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(_VERBOSE))


@contextmanager
def progress(items: Iterable[Item], label: str, length: int | None = None) -> Iterator[Iterable[Item]]:
    """Iterate with a progress bar on stderr; silent with ``-q`` or when stderr is no terminal."""
    hidden = is_quiet() or not sys.stderr.isatty()
    if hidden:
        yield items
        return
    with click.progressbar(items, label=label, length=length, file=sys.stderr, show_pos=True) as bar:
        yield bar


def emit_json(document: Any) -> None:
    """One JSON document on one line of stdout, flushed, so that pipes see it at once."""
    click.echo(json.dumps(document, ensure_ascii=True, allow_nan=False))
    sys.stdout.flush()


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[int] = ()) -> str:
    """Rows as aligned plain text, a heading and a rule first.

    Args:
        right: indices of the columns to align to the right (numbers).
    """
    cells = [[str(value) for value in row] for row in rows]
    widths = [
        max(len(heading), *(len(row[i]) for row in cells)) if cells else len(heading)
        for i, heading in enumerate(headings)
    ]

    def line(values: Sequence[str]) -> str:
        return "  ".join(
            value.rjust(width) if i in right else value.ljust(width)
            for i, (value, width) in enumerate(zip(values, widths, strict=True))
        ).rstrip()

    return "\n".join([line(list(headings)), "  ".join("-" * width for width in widths), *map(line, cells)])
