"""Which floor of the house a file stands on: what is on a floor may import what is below it, never what is above."""

from __future__ import annotations

# Bottom up: package, and the modules or packages within it that stand on the floor; "" is all of the package.
_FLOORS = (
    ("edge_runtime", "errors"),
    ("edge_runtime", "common"),
    ("edge_runtime", "core counting"),
    ("edge_runtime", "inspection fields cameras"),
    ("edge_runtime", "sessions deploy"),
    ("edge_runtime", "server doctor"),
    ("edge_runtime", "commands"),
    ("train", "metrics data architectures synthetic"),
    ("train", "report network runs"),
    ("train", "evaluate trainer"),
    ("train", "explain cross_validation training"),
    ("train", "commands __init__"),
    ("convert", "graph edgetpu_compiler quiet"),
    ("convert", "quantise layers"),
    ("convert", "gate lint"),
    ("convert", "publish result"),
    ("convert", "checking conversion"),
    ("convert", "commands options __init__"),
    ("benchmarks", ""),
    ("edge_runtime", "cli __main__ __init__"),  # these find the commands of all packages
)
_HEIGHTS = {
    f"{package}.{name}".rstrip("."): height
    for height, (package, names) in enumerate(_FLOORS)
    for name in names.split() or [""]
}


def floor_of(file: str) -> int | None:
    """The floor of a file, 0 at the bottom; None for one that no floor names.

    Args:
        file: path below the project's root, with slashes, such as ``edge_runtime/fields/reader.py``.
    """
    name = file.removesuffix(".py").replace("/", ".")
    while name:
        if name in _HEIGHTS:
            return _HEIGHTS[name]
        name = name.rpartition(".")[0]
    return None


def is_climb(caller: str, callee: str) -> bool:
    """Whether a call goes from a file into one on a higher floor; false where either has no floor."""
    here, there = floor_of(caller), floor_of(callee)
    return here is not None and there is not None and there > here
