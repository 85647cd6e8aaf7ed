"""The command ``thinsmear bench counting``."""

from __future__ import annotations

from pathlib import Path

import click

from edge_runtime.console import emit_json, json_option, note, verbosity_options
from edge_runtime.errors import GateFailed, WrongUsage
from edge_runtime.names import printable


@click.command(
    short_help="How often the intervals of a count hold the truth.",
    epilog="""\b
Examples:
  thinsmear bench counting                                        a coarse look, minutes
  thinsmear bench counting --replicates 2000 --save counting.json the grid of docs/counting.md

Exit code 1 when a bar is missed; the grid is printed all the same.""",
)
@click.option("--replicates", default=300, show_default=True, type=click.IntRange(50, 100_000), help="A point.")
@click.option("--draws", default=2_000, show_default=True, type=click.IntRange(500, 100_000), help="An interval.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--save", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here.")
@json_option
@verbosity_options
def counting(replicates: int, draws: int, seed: int, save: Path | None, as_json: bool) -> None:
    """Simulate slides of known parasitaemia and print how often the corrected 95 % interval holds it.

    Rows are blank rates (with and without a spread between slides) and cells counted, columns the infected cells
    expected among them. Rows with a star break an assumption on purpose or have little validation data; the bars do
    not apply to them.
    """
    from benchmarks.counting import BEYOND, SCENARIOS, coverage_grid, grid_table, verdict_text
    from edge_runtime.files import write_atomically

    if save is not None and not save.absolute().parent.is_dir():
        raise WrongUsage(f"There is no folder {printable(save.absolute().parent)} to save into; make it first.")
    chosen = (*SCENARIOS, *BEYOND)
    grid = coverage_grid(
        chosen, replicates=replicates, draws=draws, seed=seed, done=lambda one: note(f"Simulated {one.name}.")
    )
    if as_json:
        emit_json(grid.to_json())
    else:
        click.echo(f"{grid_table(grid)}\n\n{verdict_text(grid)}")
    if save is not None:
        import json

        write_atomically(save, json.dumps(grid.to_json(), indent=1, allow_nan=False) + "\n")
        note(f"Wrote {printable(save)}.")
    if not grid.passed:
        raise GateFailed(
            f"The coverage is outside its bars (mean {grid.mean:.3f}, least {grid.least:.3f}); with few replicates the "
            "least one falls by chance, so repeat with --replicates 2000 before you believe it."
        )
