"""Bring TensorFlow up quietly, or say in one sentence how to get it."""

from __future__ import annotations

from edge_runtime.errors import EnvironmentLacks
from train.network.silence import silenced


def require_tensorflow() -> None:
    """Import TensorFlow without its start-up messages, which no environment variable silences any more.

    Raises:
        EnvironmentLacks: it is not installed.
    """
    with silenced():
        try:
            import tensorflow as tf
        except ImportError as error:
            raise EnvironmentLacks(
                f'Training and conversion need TensorFlow ({error}); install it with: pip install "thinsmear[host]"'
            ) from error
        tf.get_logger().setLevel("ERROR")
        tf.constant(0)  # the first operation starts the devices, and they talk too


def gpus() -> int:
    """How many GPUs TensorFlow sees."""
    import tensorflow as tf

    return len(tf.config.list_physical_devices("GPU"))
