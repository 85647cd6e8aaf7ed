"""The command ``thinsmear bench candidates``."""

from __future__ import annotations

from pathlib import Path

import click

from edge_runtime.common.console import json_option, verbosity_options


@click.command(
    short_help="What networks would cost, before any is trained.",
    epilog="""\b
Examples:
  thinsmear bench candidates mobilenet_v2 mobilenet_v2_short mobilenet_v2:96:0.35
  thinsmear bench candidates mobilenet_v2:128 mobilenet_v2_short:72 --preset standard""",
)
@click.argument("networks", metavar="ARCH[:SIZE[:ALPHA]]...", nargs=-1, required=True)
@click.option("--preset", type=click.Choice(["quick", "standard"]), default="quick", show_default=True)
@click.option("--save", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here.")
@json_option
@verbosity_options
def candidates(networks: tuple[str, ...], preset: str, save: Path | None, as_json: bool) -> None:
    """Time untrained int8 networks against the first one named: one thread, the bare interpreter, calls in turns.

    What a network costs does not depend on what it has learnt, so a network that is too slow need not be trained.
    """
    from benchmarks.harness.envelope import check_folder, deliver
    from benchmarks.harness.timing import PRESETS
    from benchmarks.models.candidates import CandidateNetwork, measure_candidates
    from benchmarks.models.candidates_section import section
    from benchmarks.report.forms import text
    from train.network.tensorflow_setup import require_tensorflow

    check_folder(save)
    chosen = list(dict.fromkeys(CandidateNetwork.parse(text) for text in networks))
    require_tensorflow()
    costs = measure_candidates(chosen, PRESETS[preset])
    payload = {"preset": preset, "candidates": [cost.to_json() for cost in costs]}
    deliver("candidates", payload, lambda made: text(section(made)), as_json, save)
