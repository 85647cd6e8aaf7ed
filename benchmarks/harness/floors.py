"""Which floor of the house a file stands on: what is on a floor may import what is below it, never what is above."""

from __future__ import annotations

# Bottom up: package, and the modules or packages within it that stand on the floor. Where two names fit a file, the
# longer one decides. Names of before the rooms were built are here too, so that walks of before and after compare.
_FLOORS = (
    ("edge_runtime", "errors"),
    ("edge_runtime", "common names files console board"),
    (
        "edge_runtime",
        "core counting images sources preprocess decision classifier pool card modelfile tail backends server.png",
    ),
    (
        "edge_runtime",
        "inspection fields cameras quality tflite_schema flatbuffer golden foreign trial backends.units server.choice",
    ),
    ("edge_runtime", "sessions deploy device"),
    ("edge_runtime", "server doctor device.notify"),
    ("edge_runtime", "commands sessions.options sessions.views sessions.actions"),
    (
        "train",
        "metrics data architectures synthetic ranking tallies bootstrap curves calibration collapse blank_rate "
        "operating_points evaluation dataset splits cache teacher",
    ),
    (
        "train",
        "report network runs report_parts report_sections report_style plots plot_style model_card error_pictures "
        "scoring tensorflow_setup quiet run new_run own_data",
    ),
    (
        "train",
        "evaluate trainer scored device_scores subjects reporting out_of_fold versus recipe two_phase head fine_tuning "
        "trunk lite_forward folding augment replicas checkpoint part fold_training",
    ),
    ("train", "explain cross_validation training folds"),
    ("train", "commands cli evaluate_command explain_command synthetic.command"),
    ("convert", "graph edgetpu_compiler graph_edit probe pairing single_operators compact edgetpu quiet"),
    ("convert", "quantise layers recipes quantize ranges bias representative layers_report"),
    (
        "convert",
        "gate lint drift limits gate_text workbench ladder sensitivity lint_cpu lint_edgetpu lint_findings lint_text",
    ),
    ("convert", "publish result"),
    ("convert", "checking conversion"),
    ("convert", "commands cli options"),
    ("benchmarks", ""),
    ("edge_runtime", "cli __main__ __init__"),
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
