"""What picamera2 0.3.38 offers of that which the camera uses: names, parameters and defaults, read from its wheel."""

from __future__ import annotations

import ast

VERSION = "0.3.38"
# file -> class -> method -> (parameter, default as it is written there; None without one), self left out
API: dict[tuple[str, str], dict[str, list[tuple[str, str | None]]]] = {
    ("picamera2.py", "Picamera2"): {
        "__init__": [("camera_num", "0"), ("verbose_console", "None"), ("tuning", "None"), ("allocator", "None")],
        "global_camera_info": [],
        "create_still_configuration": [
            ("main", "{}"),
            ("lores", "None"),
            ("raw", "{}"),
            ("transform", "libcamera.Transform()"),
            ("colour_space", "libcamera.ColorSpace.Sycc()"),
            ("buffer_count", "1"),
            ("controls", "{}"),
            ("display", "None"),
            ("encode", "None"),
            ("queue", "True"),
            ("sensor", "{}"),
            ("use_case", "'still'"),
        ],
        "configure": [("camera_config", "None")],
        "camera_configuration": [],
        "camera_controls": [],
        "start": [("config", "None"), ("show_preview", "False")],
        "stop": [],
        "close": [],
        "capture_metadata": [("wait", "None"), ("signal_function", "None")],
        "capture_request": [("wait", "None"), ("signal_function", "None"), ("flush", "None")],
        "set_controls": [("controls", None)],
        "cancel_all_and_flush": [],
        "start_preview": [("preview", "None")],
    },
    ("request.py", "CompletedRequest"): {"make_array": [("name", None)], "get_metadata": [], "release": []},
}


def read_api(source: str, class_name: str) -> dict[str, list[tuple[str, str | None]]]:
    """The same of a source text: every method of the class, the last of overloaded ones."""
    (body,) = (
        node.body for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == class_name
    )
    return {node.name: _parameters(node.args) for node in body if isinstance(node, ast.FunctionDef)}


def _parameters(arguments: ast.arguments) -> list[tuple[str, str | None]]:
    names = [argument.arg for argument in arguments.args]
    texts = [ast.unparse(default) for default in arguments.defaults]
    defaults: list[str | None] = [None] * (len(names) - len(texts)) + texts
    return [pair for pair in zip(names, defaults, strict=True) if pair[0] != "self"]
