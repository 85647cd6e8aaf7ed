"""Two-phase fine-tuning: the head on cached features of a frozen backbone, then the backbone too.

Batch normalisation of a pretrained backbone stays frozen (inference statistics) in both phases: the statistics of
a batch of 32 cells would spoil what the pretrained weights rely on. A network trained from nothing has no phase 1
and learns its statistics as usual.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime.errors import WrongUsage
from train.trainer.fine_tuning import FineTuning
from train.trainer.head import train_head
from train.trainer.recipe import Recipe
from train.trainer.training_set import TrainingSet, Untrained

if TYPE_CHECKING:
    import keras


@dataclass
class Trained:
    """What a training leaves.

    Attributes:
        model: the best epoch's network (its averaged weights), plain Keras, logit output.
        history: one row an epoch: phase, epoch, loss, val_loss, val_auc, rate, seconds.
    """

    model: keras.Model
    history: list[dict[str, Any]] = field(default_factory=list)


def train_two_phases(
    network: Untrained,
    training: TrainingSet,
    validation: TrainingSet,
    recipe: Recipe,
    checkpoint_path: Path | None = None,
    on_epoch: Callable[[list[dict[str, Any]]], None] | None = None,
    finish: bool = False,
) -> Trained:
    """Train a freshly built model.

    Args:
        network: what learns; its model is trained in place.
        training: images to learn from.
        validation: images of other patients, for early stopping.
        recipe: what to do.
        checkpoint_path: where to keep the state after every epoch; an existing one is continued from.
        on_epoch: called with the history after every epoch, and with that of the checkpoint it goes on from.
        finish: train no further; keep the best epoch of the checkpoint.

    Raises:
        WrongUsage: ``finish`` without a checkpoint that holds an epoch of phase 2.

    Returns:
        The model with the weights of its best epoch, and the history.
    """
    trainer = FineTuning(network, recipe, training, validation)
    if checkpoint_path is not None and checkpoint_path.is_file():
        trainer.restore(checkpoint_path)
        if on_epoch is not None:  # the stop may have come after the checkpoint and before this call
            on_epoch(trainer.history)
    elif network.pretrained and recipe.head_epochs and not finish:
        trainer.history += train_head(network, training, recipe, trainer.ahead)
        if checkpoint_path is not None:
            trainer.save(checkpoint_path)
    if finish and not trainer.best_weights:
        raise WrongUsage("No epoch of phase 2 is complete, so there is no model to keep; resume without --finish.")
    while trainer.epoch < recipe.epochs and not trainer.stopped and not finish:
        trainer.run_epoch()
        if checkpoint_path is not None:
            trainer.save(checkpoint_path)
        if on_epoch is not None:
            on_epoch(trainer.history)
    trainer.keep_best()
    return Trained(network.model, trainer.history)
