"""The Edge TPU through its TFLite delegate: loading it, and each of its failures as a sentence with its cure."""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

from edge_runtime.common.text import printable
from edge_runtime.errors import BadModel, EnvironmentLacks, ThinsmearError

CUSTOM_OPERATOR = b"edgetpu-custom-op"  # what the compiler puts in place of the operators it took
_LIBRARIES = {"Darwin": "libedgetpu.1.dylib", "Windows": "edgetpu.dll"}
_MATCHING = "libedgetpu 16.0TF2.19.1 (feranick/libedgetpu, package libedgetpu1-std)"


def library_name() -> str:
    """File name of the Edge TPU library on this system."""
    return _LIBRARIES.get(platform.system(), "libedgetpu.so.1")


def load_edgetpu(load_delegate: Callable[[str], Any], library: str | None = None) -> Any:
    """The delegate of the first Edge TPU.

    Args:
        load_delegate: the function of that name of the runtime that will use it.
        library: path of the library; default :func:`library_name`, found by the system's loader.

    Raises:
        EnvironmentLacks: the library is missing or unfit, or no Edge TPU answers.
    """
    import ctypes  # not needed on a CPU

    path = library or library_name()
    try:
        # tried by itself first: a Delegate whose library does not load complains on stderr when it is collected
        handle = ctypes.PyDLL(path)
    except OSError as error:
        raise EnvironmentLacks(_library_problem(path, str(error))) from error
    if not hasattr(handle, "tflite_plugin_create_delegate"):
        raise EnvironmentLacks(f"{printable(path)} is no TFLite delegate; install {_MATCHING}.")
    try:
        return load_delegate(path)
    except ValueError as error:
        said = " ".join(str(error).partition("\n")[2].split())
        if said:
            raise EnvironmentLacks(
                f"The Edge TPU's library reports: {printable(said)}; unplug it, plug it into a USB 3 port with enough "
                "power, and try again, or use --accelerator cpu with the model from before compilation."
            ) from error
        raise EnvironmentLacks(
            "No Edge TPU answers: plug one in, see that no other process uses it, and let this user use it (the udev "
            "rule comes with libedgetpu1-std, the user must be in the group plugdev; then plug it in again)."
        ) from error


def reason_of(message: str) -> ThinsmearError | None:
    """The sentence for a runtime's message that has to do with the Edge TPU; None for any other message."""
    if "unresolved custom op: edgetpu-custom-op" in message:
        return EnvironmentLacks(
            "The model is compiled for an Edge TPU, but the runtime was given none; use --accelerator edgetpu, or the "
            "file from before compilation."
        )
    if "Unsupported data type in custom op handler" in message:
        return EnvironmentLacks(
            f"The Edge TPU's library and the TFLite runtime do not match; install {_MATCHING} beside ai-edge-litert."
        )
    if "Failed to execute request" in message or ("edgetpu" in message.lower() and "USB" in message):
        return EnvironmentLacks(f"The Edge TPU stopped answering ({printable(message.strip())}); plug it in again.")
    if "edgetpu" in message.lower() and "parse" in message.lower():
        return BadModel("The model was compiled for a newer Edge TPU runtime; compile it again, or update libedgetpu.")
    return None


def _library_problem(path: str, message: str) -> str:
    if "No such file" in message or "not found" in message:
        return (
            f"The Edge TPU library {printable(path)} is not installed; install {_MATCHING}, or run the model from "
            "before compilation on the CPU."
        )
    return f"The Edge TPU library {printable(path)} cannot be loaded ({printable(message)}); install {_MATCHING}."
