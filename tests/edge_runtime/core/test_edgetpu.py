"""The Edge TPU: what goes there, what is said of where things run, and a sentence for each way it fails."""

from __future__ import annotations

import ctypes.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_runtime.core.backends import open_interpreter, uses_edgetpu
from edge_runtime.core.backends.edgetpu import CUSTOM_OPERATOR, library_name, load_edgetpu, reason_of
from edge_runtime.errors import BadModel, EnvironmentLacks, WrongUsage
from edge_runtime.inspection.compute_units import ComputeUnits, compute_units
from tests.assets.make_models import read

Models = Callable[[str], bytes]

# a delegate's library as the runtime sees it: it makes no delegate, after saying why or in silence
_LIBRARY = """
typedef void (*report)(const char*);
void* tflite_plugin_create_delegate(const char* const* keys, const char* const* values, unsigned long n, report say) {
  %s
  return 0;
}
void tflite_plugin_destroy_delegate(void* delegate) {}
"""


@pytest.fixture(scope="module")
def compiled() -> bytes:
    """A model with the operator that the Edge TPU compiler leaves: a custom one, whose name is as long, renamed."""
    content = read("custom")
    assert b"MatrixDeterminant" in content
    return content.replace(b"MatrixDeterminant", CUSTOM_OPERATOR)


def _make_library(folder: Path, body: str) -> str:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("a C compiler makes the stand-in for libedgetpu")
    source, library = folder / "delegate.c", folder / "libdelegate.so"
    source.write_text(_LIBRARY % body)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    return str(library)


def test_auto_sends_there_what_was_compiled_for_it(compiled: bytes, flatbuffer_of: Models) -> None:
    assert uses_edgetpu(compiled) and uses_edgetpu(compiled, "edgetpu")
    assert not uses_edgetpu(flatbuffer_of("int8")) and not uses_edgetpu(flatbuffer_of("int8"), "cpu")


@pytest.mark.parametrize(
    "kind, accelerator, message",
    [("compiled", "cpu", "cannot run on the CPU"), ("int8", "edgetpu", "--edgetpu"), ("int8", "gpu", "one of auto")],
)
def test_what_cannot_run_where_it_should(
    kind: str, accelerator: str, message: str, compiled: bytes, flatbuffer_of: Models
) -> None:
    flatbuffer = compiled if kind == "compiled" else flatbuffer_of(kind)
    with pytest.raises(WrongUsage, match=message):
        open_interpreter(flatbuffer, accelerator=accelerator)


def test_units_of_a_plain_model(flatbuffer_of: Models) -> None:
    units = compute_units(flatbuffer_of("int8"))
    assert units.edgetpu == 0 and units.cpu >= 3
    assert str(units) == f"Compute units: CPU ({units.cpu}) | Total ({units.cpu})"


def test_units_of_a_compiled_model_count_what_the_compiler_took(compiled: bytes) -> None:
    assert compute_units(compiled) == ComputeUnits(edgetpu=1, cpu=3)
    units = compute_units(compiled, {"edgetpu": {"mapped": 66}})
    assert str(units) == "Compute units: Edge TPU (66) | CPU (3) | Total (69)"


def test_a_missing_library_names_the_package(compiled: bytes) -> None:
    if ctypes.util.find_library("edgetpu"):
        pytest.skip("libedgetpu is installed here")
    with pytest.raises(EnvironmentLacks, match=f"{library_name()} is not installed; install libedgetpu"):
        open_interpreter(compiled)


def _litert_load_delegate(path: str) -> object:
    return pytest.importorskip("ai_edge_litert.interpreter").load_delegate(path)


@pytest.mark.skipif(sys.platform != "linux", reason="the stand-in is a Linux library")
@pytest.mark.parametrize(
    "body, message",
    [
        ("", "No Edge TPU answers: .* udev"),
        ('say("Failed to open the device");', "reports: Failed to open the device; unplug it"),
    ],
)
def test_no_device(body: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentLacks, match=message):
        load_edgetpu(_litert_load_delegate, _make_library(tmp_path, body))


@pytest.mark.skipif(sys.platform != "linux", reason="needs a library every Linux has")
def test_a_library_that_is_no_delegate() -> None:
    with pytest.raises(EnvironmentLacks, match="is no TFLite delegate"):
        load_edgetpu(_litert_load_delegate, "libc.so.6")


def test_a_library_that_is_no_library(tmp_path: Path) -> None:
    (tmp_path / "libedgetpu.so.1").write_bytes(b"no ELF")
    with pytest.raises(EnvironmentLacks, match="cannot be loaded"):
        load_edgetpu(_litert_load_delegate, str(tmp_path / "libedgetpu.so.1"))


@pytest.mark.parametrize(
    "message, kind, says",
    [
        ("Encountered unresolved custom op: edgetpu-custom-op.", EnvironmentLacks, "--accelerator edgetpu"),
        ("Unsupported data type in custom op handler: 0", EnvironmentLacks, "do not match"),
        ("Failed to execute request. Could not map pages : -1", EnvironmentLacks, "plug it in again"),
        ("Failed to parse the edgetpu package", BadModel, "newer Edge TPU runtime"),
    ],
)
def test_messages_of_the_runtime(message: str, kind: type[Exception], says: str) -> None:
    reason = reason_of(message)
    assert isinstance(reason, kind) and says in str(reason)


def test_other_messages_are_not_the_edge_tpus() -> None:
    assert reason_of("Cannot set tensor: Dimension mismatch") is None


def test_classify_says_what_is_lacking(compiled: bytes, tmp_path: Path) -> None:
    """The whole command: a compiled model without card, no library, exit code 3."""
    if ctypes.util.find_library("edgetpu"):
        pytest.skip("libedgetpu is installed here")
    from PIL import Image

    (tmp_path / "m_edgetpu.tflite").write_bytes(compiled)
    Image.new("RGB", (8, 8)).save(tmp_path / "cell.png")
    command = [sys.executable, "-m", "edge_runtime", "classify", "--model", str(tmp_path / "m_edgetpu.tflite")]
    options = [
        "--labels",
        "Parasitized,Uninfected",
        "--positive",
        "Parasitized",
        "--input-range",
        "0..1",
        str(tmp_path / "cell.png"),
    ]
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert "is not installed; install libedgetpu" in done.stderr and "Traceback" not in done.stderr
