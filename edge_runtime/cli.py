"""The ``thinsmear`` command: finds each command's package only when it is called, and turns errors into sentences."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import click
from click.shell_completion import CompletionItem

from edge_runtime import __version__
from edge_runtime.common.text import printable
from edge_runtime.errors import EnvironmentLacks, ThinsmearError

# name -> (where the command is, what it does); imported only when called, so a Pi never pays for the host's packages
COMMANDS = {
    "demo": ("benchmarks.demo:demo", "The whole path on synthetic smears, in a few minutes."),
    "synth": ("train.commands.synth:synth", "Make synthetic cells and fields with ground truth."),
    "train": ("train.commands.train:train", "Train a model on a folder of labelled cells, split by patient."),
    "evaluate": ("train.commands.evaluate:evaluate", "Measure a run or a model on labelled cells."),
    "explain": ("train.commands.explain:explain", "Show where in a cell a model sees a parasite."),
    "convert": ("convert.commands:convert", "Make one .tflite file of a run, behind a drift gate."),
    "check": ("convert.commands:check", "Run the drift gate alone: a model file against its run."),
    "lint": ("convert.commands:lint", "Check a .tflite file for an Edge TPU or a CPU."),
    "layers": ("convert.commands:layers", "Quantisation error of each operator."),
    "classify": ("edge_runtime.commands.classify.command:classify", "Classify cell images."),
    "watch": ("edge_runtime.commands.watch.command:watch", "Classify a camera's pictures as they come."),
    "cameras": ("edge_runtime.commands.cameras:cameras", "List the cameras that are connected."),
    "session": ("edge_runtime.commands.session.command:session", "Count a smear: records, review, report."),
    "serve": ("edge_runtime.commands.serve:serve", "The page for the microscope, and the HTTP API."),
    "show": ("edge_runtime.commands.show:show", "Show a model file: card, tensors, operators, golden vectors."),
    "device": ("edge_runtime.commands.device:device", "Prepare cards: an offline kit, then one command a card."),
    "doctor": ("edge_runtime.commands.doctor:doctor", "What this machine can do, and what to fix."),
    "bench": ("benchmarks.cli:bench", "Measure latency and accuracy."),
}
_OWN_PACKAGES = ("edge_runtime", "train", "convert", "benchmarks")
_INTERRUPTED = 130
_EPILOG = """\b
Exit codes: 0 fine; 1 a gate failed or some inputs were bad; 2 wrong usage or nothing to work on;
3 this machine lacks something; 4 measured, but not conclusive; 130 stopped with Ctrl-C.

\b
Completion with the Tab key, for bash (zsh and fish alike):
  eval "$(_THINSMEAR_COMPLETE=bash_source thinsmear)"

For Research Use Only. Not for use in diagnostic procedures."""


class LazyGroup(click.Group):
    """A group whose help and Tab completion need no command's code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            meant = f" Did you mean {near[0]}?" if near else ""
            ctx.fail(f"There is no command {args[0]!r}.{meant}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # caught here because click would make exit code 1 of it
            return _end_of_readers()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [CompletionItem(n, help=line) for n, (_, line) in COMMANDS.items() if n.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)


@click.group(
    cls=LazyGroup,
    name="thinsmear",
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", prog_name="thinsmear", message="%(prog)s %(version)s")
def root() -> None:
    """Screen thin blood smears for malaria parasites on small devices: train, convert, classify, measure.

    \b
    Begin here:
      thinsmear demo                     see everything work, without data
      thinsmear classify cell.png        use the model that comes with the program
      thinsmear COMMAND --help           options and examples of a command
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point of the console command: runs it and ends the process with the right exit code."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; everything a user can meet ends as one sentence on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a name must not break a terminal that lacks its letters
    warnings.filterwarnings("ignore", module=r"PIL\.")  # what matters of them becomes an error of ours
    try:
        _prove_numpy(sys.argv[1:] if arguments is None else list(arguments))
        status = root.main(
            list(arguments) if arguments is not None else None, prog_name="thinsmear", standalone_mode=False
        )
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f" See `{context.command_path} --help`." if context is not None else ""
        return _fail(f"{error.format_message()}{hint}", error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _fail("stopped", _INTERRUPTED)
    except ThinsmearError as error:
        return _fail(str(error), error.exit_code)
    except ImportError as error:
        return _import_failed(error)
    except BrokenPipeError:
        return _end_of_readers()
    except OSError as error:
        where = f"{printable(os.fsdecode(error.filename))}: " if isinstance(error.filename, (str, bytes)) else ""
        return _fail(f"{where}{error.strerror or error}.", ThinsmearError.exit_code)
    except MemoryError:
        return _fail("This machine's memory is not enough; use smaller images or fewer threads.", 1)


def _prove_numpy(arguments: list[str]) -> None:
    """Nearly every command needs NumPy; one that was built for another processor would end it without a word."""
    if arguments and arguments[0] in COMMANDS and arguments[0] != "doctor" and "numpy" not in sys.modules:
        from edge_runtime.common.installed import prove_it_loads

        prove_it_loads("numpy")


def _import_failed(error: ImportError) -> int:
    """A package is not installed, or is and does not load; what is wrong with ours is raised again."""
    package = (error.name or "").partition(".")[0] or _package_of(error)
    if not package or package in _OWN_PACKAGES:
        raise error  # ours to repair, not the user's
    if isinstance(error, ModuleNotFoundError):
        message = (
            f'This needs the package {package}, which is not installed; `pip install "thinsmear[host]"` brings it.'
        )
    else:
        from edge_runtime.common.installed import why_broken

        message = str(why_broken(package, error))
    return _fail(message, EnvironmentLacks.exit_code)


def _package_of(error: ImportError) -> str:
    """The foreign package in whose files an import failed; "" when it was one of ours."""
    trace = error.__traceback__
    place = ""
    while trace is not None:
        place, trace = str(trace.tb_frame.f_globals.get("__name__", "")), trace.tb_next
    return place.partition(".")[0]


def _end_of_readers() -> int:
    """The reader (head, less) has seen enough: end well, and keep Python's own flush at exit from complaining."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _fail(message: str, exit_code: int) -> int:
    click.echo(f"error: {message}", err=True)
    return exit_code
