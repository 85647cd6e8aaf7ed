"""Packages that are installed but do not load: what is wrong, in one sentence, and whether a package kills its process.

A package built for a newer processor ends the process that imports it (illegal instruction), and nothing in that
process can say so. So what was never loaded on this machine is loaded in a child first; that it went well is noted in
the cache, by the package's files and the processor, so that it is paid for once.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import platform
import re
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from edge_runtime.common.text import printable
from edge_runtime.errors import EnvironmentLacks

NEEDS_LITERT = "`pip install ai-edge-litert`; where there is none (32-bit), `pip install 'numpy<2'`"
_SECONDS = 120.0
_DISTRIBUTIONS = {"PIL": "pillow", "cv2": "opencv-python-headless"}
# system libraries that small images of a system leave out -> the package of Debian that has them
_SYSTEM = {
    "libstdc++.so.6": "libstdc++6", "libgcc_s.so.1": "libgcc-s1", "libatomic.so.1": "libatomic1",
    "libGL.so.1": "libgl1", "libgomp.so.1": "libgomp1", "libgfortran.so.5": "libgfortran5",
    "libopenblas.so.0": "libopenblas0",
    "libgthread-2.0.so.0": "libglib2.0-0", "libjpeg.so.62": "libjpeg62-turbo", "libopenjp2.so.7": "libopenjp2-7",
}  # fmt: skip
_MISSING = re.compile(r"(lib[\w+.-]+?\.so(?:\.\d+)*): cannot open shared object file")
_TOO_OLD = re.compile(r"version [`'](GLIBC\w*_[\d.]+)' not found")
_OTHER_NUMPY = ("multiarray", "dtype size changed", "_ARRAY_API", "compiled against API version")
_ELF = ("wrong ELF class", "invalid ELF header", "Exec format error")


def shown_version(package: str) -> str:
    """A package's name and version, as the doctor writes them."""
    distribution = _DISTRIBUTIONS.get(package, package.replace("_", "-"))
    with contextlib.suppress(metadata.PackageNotFoundError):
        return f"{distribution} {printable(metadata.version(distribution))}"
    return distribution


def built_for_numpy_1(shown: str, numpy: str) -> str:
    """What is said of a runtime that was built for NumPy 1, by the doctor and by every command."""
    return f"{shown} is built for NumPy 1 and fails with the installed NumPy {numpy}."


def why_broken(package: str, error: BaseException) -> EnvironmentLacks:
    """The sentence for a package that is installed and does not load.

    Args:
        error: what its import raised; of a chain of errors the first one says what is wrong.
    """
    while error.__cause__ is not None:
        error = error.__cause__
    said = " ".join(str(error).split())
    shown = shown_version(package)
    again = f"`pip install --force-reinstall {_DISTRIBUTIONS.get(package, package.replace('_', '-'))}`"
    numpy = _numpy_version()
    if package == "tflite_runtime" and not numpy.startswith(("0.", "1.", "none")):
        return EnvironmentLacks(f"{built_for_numpy_1(shown, numpy)} Run {NEEDS_LITERT}.")
    if (missing := _MISSING.search(said)) is not None:
        cure = f"sudo apt install {_SYSTEM[missing[1]]}" if missing[1] in _SYSTEM else f"apt-file search {missing[1]}"
        return EnvironmentLacks(f"{shown} needs the system's library {missing[1]}, which is missing; run `{cure}`.")
    if (newer := _TOO_OLD.search(said)) is not None:
        return EnvironmentLacks(
            f"{shown} was built for a newer system than this one ({newer[1]} is missing); use Raspberry Pi OS bookworm "
            "or later (Debian 12), or an older version of the package."
        )
    if any(sign in said for sign in _ELF):
        return EnvironmentLacks(f"{shown} was built for another processor than {platform.machine()}; run {again}.")
    if "numpy" in said.lower() and any(sign in said for sign in _OTHER_NUMPY):
        return EnvironmentLacks(
            f"{shown} was built for another NumPy than the installed {numpy} ({printable(said[:120])}); run {again}, "
            "or install the NumPy that it names."
        )
    reason = printable(said[:200].rstrip(".")) or type(error).__name__
    return EnvironmentLacks(f"{shown} is installed but does not load ({type(error).__name__}: {reason}); run {again}.")


def prove_it_loads(package: str, module: str | None = None) -> None:
    """Load a package in a child process, unless it is loaded already or was once on this machine.

    Args:
        module: of the package that is loaded; default the package itself.

    Raises:
        EnvironmentLacks: it kills its process. What an import can raise by itself is left to the import.
    """
    name = module or package
    if name in sys.modules:
        return
    marker = _marker(package)
    if marker is not None and marker.exists():
        return
    command = [sys.executable, "-c", f"import {name}"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, env=environment, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return
    if done.returncode < 0:
        sign = signal.Signals(-done.returncode).name if -done.returncode in set(signal.Signals) else -done.returncode
        distribution = _DISTRIBUTIONS.get(package, package.replace("_", "-"))
        raise EnvironmentLacks(
            f"{shown_version(package)} was built for a newer processor than this one ({platform.machine()}): loading "
            f"it ends in {sign}; run `pip install --force-reinstall {distribution}`, or use the version of apt."
        )
    if done.returncode == 0 and marker is not None:
        with contextlib.suppress(OSError):
            marker.parent.mkdir(parents=True, exist_ok=True)
            marker.touch()


def _marker(package: str) -> Path | None:
    """A file of the cache that stands for this package, as it lies here, on this processor."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        return None
    try:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "thinsmear" / "loads"
        status = os.stat(os.path.dirname(found.origin))
    except (OSError, RuntimeError):
        return None
    what = (found.origin, status.st_mtime_ns, status.st_ino, sys.version, platform.machine(), _processor())
    return root / f"{package}-{hashlib.sha256(repr(what).encode()).hexdigest()[:24]}"


def _processor() -> str:
    """What tells one processor from another on Linux, where a card may be moved from board to board."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as stream:
            lines = stream.read(8192).splitlines()
    except OSError:
        return ""
    names = ("flags", "Features", "model name", "CPU part")
    return "\n".join(dict.fromkeys(line for line in lines if line.startswith(names)))


def _numpy_version() -> str:
    try:
        return printable(metadata.version("numpy"))
    except metadata.PackageNotFoundError:
        return "none"
