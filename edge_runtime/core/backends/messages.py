"""What C++ libraries write on stderr by themselves, kept off the terminal."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

_stderr_lock = threading.Lock()


@contextlib.contextmanager
def messages_hidden() -> Iterator[None]:
    """Keep the C++ library's notes ("Created XNNPACK delegate") off the terminal; its errors are raised anyway."""
    with _stderr_lock:
        try:
            saved = os.dup(2)
        except OSError:  # stderr is closed, there is nothing to hide
            yield
            return
        try:
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 2)
            os.close(silence)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
