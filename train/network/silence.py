"""Keep the hundreds of lines that TensorFlow and its converter write off the screen, wherever they go."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Send what Python and C++ code write to stdout and stderr into a file that is thrown away.

    File descriptors 1 and 2 are redirected for the whole process, so no other thread should print meanwhile. They
    are back in place afterwards, also after an error or Ctrl-C.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace") as sink:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        saved = []
        try:
            for descriptor in (1, 2):
                with contextlib.suppress(OSError):  # a daemon may have closed it
                    saved.append((descriptor, os.dup(descriptor)))
                    os.dup2(sink.fileno(), descriptor)
            with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
                yield
        finally:
            with contextlib.suppress(OSError, ValueError):
                sink.flush()
            for descriptor, original in saved:
                os.dup2(original, descriptor)
                os.close(original)
