"""The commands ``thinsmear bench ...``, a module each."""

from __future__ import annotations

import click

from benchmarks.counting.command import counting
from benchmarks.fields.command import fields
from benchmarks.latency.command import latency
from benchmarks.models.candidates_command import candidates
from benchmarks.models.models_command import models
from benchmarks.peers.command import peers
from benchmarks.quantisation.command import accuracy
from benchmarks.report.command import report
from benchmarks.review.command import review
from benchmarks.training.recipes_command import recipes
from benchmarks.training.training_command import training


@click.group(short_help="Measure latency, quantisation and training speed.")
def bench() -> None:
    """Measure models on this machine, with the machine's facts and a verdict beside every figure."""


for _command in (latency, accuracy, peers, models, fields, counting, review, training, recipes, candidates, report):
    bench.add_command(_command)
