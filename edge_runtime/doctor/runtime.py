"""Which packages are installed, read from their metadata: nothing is imported, so nothing can crash here."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from importlib import metadata

from edge_runtime.common.installed import NEEDS_LITERT, built_for_numpy_1
from edge_runtime.common.text import printable
from edge_runtime.doctor.findings import Finding, fail, ok, warn

LITERT, TFLITE_RUNTIME = "ai-edge-litert", "tflite-runtime"
# in the order in which the back ends are tried
RUNTIMES = (LITERT, TFLITE_RUNTIME, "tensorflow", "tensorflow-cpu")
_OLDEST_PILLOW = (10, 1)
_OLDEST_LITERT = (2, 1)
_SYSTEM_NUMPY = "\"numpy==$(/usr/bin/python3 -c 'import numpy; print(numpy.__version__)')\""


def check_packages() -> list[Finding]:
    """NumPy, Pillow and the TFLite runtime as they are installed here."""
    versions = {name: installed_versions(name) for name in ("numpy", "pillow", *RUNTIMES)}
    return [
        judge_numpy(versions["numpy"], importlib.util.find_spec("picamera2") is not None),
        judge_pillow(versions["pillow"]),
        judge_runtime({name: found[0] for name, found in versions.items() if found}),
    ]


def installed_versions(package: str) -> list[str]:
    """Versions of a package on the import path, the one in use first; several where an environment hides one."""
    found = [printable(distribution.version) for distribution in metadata.distributions(name=package)]
    return list(dict.fromkeys(found))


def judge_numpy(versions: list[str], has_picamera2: bool) -> Finding:
    """NumPy, and whether the environment's hides one of the system, for which apt's packages are built."""
    if not versions:
        return fail("numpy", "NumPy is not installed.", "Run `pip install numpy`.")
    used, hidden = versions[0], [other for other in versions[1:] if release(other)[:1] != release(versions[0])[:1]]
    if hidden:
        whom = "picamera2 from apt does" if has_picamera2 else "packages from apt do"
        return warn(
            "numpy",
            f"NumPy {used} of this environment hides the system's {hidden[0]}, with which {whom} not agree.",
            f"Run `pip uninstall numpy ml-dtypes`, then `pip install thinsmear {_SYSTEM_NUMPY}`.",
        )
    return ok("numpy", f"NumPy {used}")


def judge_pillow(versions: list[str]) -> Finding:
    """Pillow, at least the version whose resizing the models are proven with."""
    if not versions:
        return fail("pillow", "Pillow is not installed.", "Run `pip install 'pillow>=10.1'`.")
    if release(versions[0]) < _OLDEST_PILLOW:
        return fail("pillow", f"Pillow {versions[0]} is too old.", "Run `pip install --upgrade 'pillow>=10.1'`.")
    return ok("pillow", f"Pillow {versions[0]}")


def judge_runtime(versions: Mapping[str, str]) -> Finding:
    """The TFLite runtime that will be used.

    Args:
        versions: of the installed ones among ``RUNTIMES``, and of numpy.
    """
    name = next((runtime for runtime in RUNTIMES if runtime in versions), None)
    if name is None:
        return fail("runtime", "No TFLite runtime is installed.", f"Run `pip install {LITERT}`.")
    shown = f"{name} {versions[name]}"
    if name == TFLITE_RUNTIME and release(versions.get("numpy", "0"))[:1] >= (2,):
        return fail(
            "runtime",
            built_for_numpy_1(shown, versions["numpy"]),
            f"Run {NEEDS_LITERT}.",
        )
    if name == TFLITE_RUNTIME:
        return warn("runtime", f"{shown} is no longer maintained.", f"On a 64-bit system, run `pip install {LITERT}`.")
    if name == LITERT and release(versions[name]) < _OLDEST_LITERT:
        return warn("runtime", f"{shown} is older than what is tested.", f"Run `pip install --upgrade {LITERT}`.")
    return ok("runtime", shown)


def release(version: str) -> tuple[int, ...]:
    """The leading numbers of a version, for comparison: "2.1.0rc1" gives (2, 1, 0)."""
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()
