"""Bring TensorFlow up quietly, or say in one sentence how to get it."""

from __future__ import annotations

import os

from edge_runtime.errors import EnvironmentLacks


def require_tensorflow() -> None:
    """Import TensorFlow without its start-up messages.

    Raises:
        EnvironmentLacks: it is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import tensorflow as tf
    except ImportError as error:
        raise EnvironmentLacks(
            f"Training and conversion need TensorFlow ({error}); install it with: pip install \"thinsmear[host]\""
        ) from error
    tf.get_logger().setLevel("ERROR")


def gpus() -> int:
    """How many GPUs TensorFlow sees."""
    import tensorflow as tf

    return len(tf.config.list_physical_devices("GPU"))
