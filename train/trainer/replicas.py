"""Several GPUs: each gets a piece of every batch, and all keep the same weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edge_runtime.errors import WrongUsage


def strategy_for(devices: list[str] | None = None) -> Any:
    """Mirrored over the GPUs (or these devices) when there are several, else TensorFlow's default strategy.

    Build the model and train it inside its ``scope()``.
    """
    import tensorflow as tf

    names = [f"GPU:{i}" for i in range(len(tf.config.list_physical_devices("GPU")))] if devices is None else devices
    return tf.distribute.MirroredStrategy(names) if len(names) > 1 else tf.distribute.get_strategy()


def check_compiled(jit: bool, strategy: Any = None) -> None:
    """Refuse XLA where a step spans several devices: it cannot reach the copies of the weights on the others.

    Args:
        jit: whether it is asked for.
        strategy: see :func:`strategy_for`; None for the one of this machine.

    Raises:
        WrongUsage: it is, with several devices.
    """
    if jit and (strategy or strategy_for()).num_replicas_in_sync > 1:
        raise WrongUsage("XLA cannot compile a step over several GPUs; leave out --jit, or set CUDA_VISIBLE_DEVICES=0.")


def on_every_replica(step: Callable[..., Any], strategy: Any) -> Callable[..., Any]:
    """A step of a whole batch out of a step of one replica's piece.

    Args:
        step: ``step(images, targets, seed, decay)`` returns the loss; called once for each replica.
        strategy: see :func:`strategy_for`.

    Returns:
        The same with images [b, ...] and targets [b, 1] of all replicas; every replica gets a seed of its own, the
        loss is the mean.
    """
    import tensorflow as tf

    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return step

    def whole(images: Any, targets: Any, seed: Any, decay: Any) -> Any:
        def piece(tensor: Any) -> Any:
            size = tensor.shape[0] // replicas
            return strategy.experimental_distribute_values_from_function(
                lambda context: tensor[
                    context.replica_id_in_sync_group * size : (context.replica_id_in_sync_group + 1) * size
                ]
            )

        seeds = strategy.experimental_distribute_values_from_function(
            lambda context: seed + tf.constant([1_000_003 * context.replica_id_in_sync_group, 0], tf.int32)
        )
        losses = strategy.run(step, args=(piece(images), piece(targets), seeds, decay))
        return strategy.reduce(tf.distribute.ReduceOp.MEAN, losses, axis=None)

    return whole
