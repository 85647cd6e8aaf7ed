"""What a server is started with: where it listens, what it works with, and the limits it keeps."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from edge_runtime.sessions.store.location import default_folder
from edge_runtime.sessions.store.store import MIN_FREE

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
MEGABYTE = 1_000_000


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Settings:
    """How one server behaves.

    Attributes:
        store: folder of the sessions.
        host: address to listen on.
        port: TCP port; 0 takes a free one.
        camera: see :func:`edge_runtime.cameras.camera_maker`; None for none.
        size: (width, height) to ask the camera for.
        model: file or name; None for the default.
        accelerator: see :class:`edge_runtime.core.classifier.Classifier`.
        token: what a caller must know; None when everybody who reaches the server may ask.
        token_for_all: also those on this device need the token.
        hosts: further names under which browsers may call the server.
        certificate: file of the TLS certificate; None for plain HTTP.
        key: file of its private key.
        threads: fields in work at a time, each with an interpreter of its own.
        queue: requests with images that may wait for a free thread.
        max_upload: bytes of one request.
        max_files: images in one request.
        max_pixels: of one image.
        rate: requests a second that one caller from elsewhere may make on average; 0 for any number.
        viewers: live views at a time.
        min_free: bytes that must stay free on the store's disk.
        upload_patience: seconds that an upload may pause.
        cores: of the processor.
    """

    store: Path
    host: str = "127.0.0.1"
    port: int = 8080
    camera: str | None = None
    size: tuple[int, int] | None = None
    model: str | None = None
    accelerator: str = "auto"
    token: str | None = None
    token_for_all: bool = False
    hosts: tuple[str, ...] = ()
    certificate: Path | None = None
    key: Path | None = None
    threads: int = 1
    queue: int = 16
    max_upload: int = 64 * MEGABYTE
    max_files: int = 50
    max_pixels: int = 50_000_000
    rate: float = 20.0
    viewers: int = 8
    min_free: int = MIN_FREE
    upload_patience: float = 30.0
    cores: int = field(default_factory=available_cores)

    @property
    def tls(self) -> bool:
        """Whether the server speaks HTTPS."""
        return self.certificate is not None

    @property
    def private(self) -> Path:
        """Folder for what the server keeps for itself: the token, the QR code."""
        return self.store / "serve"


def is_loopback(host: str) -> bool:
    """Whether an address or name to listen on is reached from this device only."""
    return host in LOOPBACK_NAMES or host.startswith("127.")


def default_store() -> Path:
    """``THINSMEAR_STORE``, or ``sessions`` in systemd's state directory, or the user's data folder."""
    state = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if state and not os.environ.get("THINSMEAR_STORE"):
        return Path(state) / "sessions"
    return default_folder()


def default_threads() -> int:
    """All cores but one, which the camera, the live view and the network share."""
    return max(1, available_cores() - 1)
