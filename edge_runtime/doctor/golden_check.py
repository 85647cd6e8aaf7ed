"""Load the model and compute its golden vectors, in a process of its own.

A package built for another processor or another NumPy can kill the process that imports it, or hang; then the self-test
still has to say which step did it.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from edge_runtime.common.text import printable
from edge_runtime.doctor.findings import Finding, fail, ok, warn

SECONDS = 120.0  # a Raspberry Pi Zero 2 needs 10 s
_CHILD = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from edge_runtime.doctor.golden_check import child; child(sys.argv[2:])"
)
# step -> (the finding it belongs to, what it does, the cure when it breaks)
STEPS = {
    "numpy": ("numpy", "importing NumPy", "Run `pip install --force-reinstall numpy`."),
    "pillow": ("pillow", "importing Pillow", "Run `pip install --force-reinstall pillow`."),
    "model": ("model", "reading the model file", "Copy the model file again."),
    "load": ("runtime", "loading the model", "Run `pip install --force-reinstall ai-edge-litert`."),
    "golden": ("golden", "computing the golden vectors", "Run `pip install --force-reinstall ai-edge-litert pillow`."),
}


def check_model(model: str | None, command: list[str] | None = None, seconds: float = SECONDS) -> list[Finding]:
    """Read the model, load it and prove its golden vectors; one finding a thing that was learned.

    Args:
        model: as :func:`edge_runtime.core.model_file.find_model` takes it.
        command: the process that does it; default a child of this Python.
        seconds: how long it may take.
    """
    package_root = str(Path(__file__).resolve().parents[2])
    command = command or [sys.executable, "-c", _CHILD, package_root, *([] if model is None else [model])]
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds, stdin=subprocess.DEVNULL)
        output, status = done.stdout, done.returncode
    except subprocess.TimeoutExpired as error:
        output, status = error.stdout or b"", None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return [fail("model", f"Python cannot start another Python ({reason}).", "Repair the Python installation.")]
    findings, open_step = _read(output)
    if open_step is not None:
        name, doing, cure = STEPS.get(open_step, STEPS["numpy"])
        findings.append(fail(name, f"The process that was {doing} {_ending(status, seconds)}.", cure))
    return findings


def child(arguments: list[str]) -> None:
    """The child's part: a line of JSON when a step begins, another for each thing found."""
    from edge_runtime.errors import ThinsmearError

    step = next(iter(STEPS))
    try:
        for step in STEPS:
            _say({"begin": step})
            for finding in _TASKS[step](arguments[0] if arguments else None):
                _say({"name": finding.name, "status": finding.status, "message": finding.message, "cure": finding.cure})
        _say({"end": True})
    except Exception as error:  # any: a broken installation fails in its own ways
        name, doing, cure = STEPS[step]
        if isinstance(error, ThinsmearError):  # its sentence ends in the cure
            said, found, own_cure = str(error).rpartition("; ")
            message = f"{said}." if found else str(error)
            cure = own_cure[:1].upper() + own_cure[1:] if found else cure
        else:  # of a chain of errors, the first one says what is wrong
            message = f"{doing[:1].upper()}{doing[1:]} fails: {_first_line(error.__cause__ or error)}."
        _say({"name": name, "status": "fail", "message": message, "cure": cure})
        _say({"end": True})


def _numpy(model: str | None) -> list[Finding]:
    import numpy

    numpy.zeros(1)
    return []


def _pillow(model: str | None) -> list[Finding]:
    import PIL.Image

    PIL.Image.new("RGB", (1, 1))
    return []


def _model(model: str | None) -> list[Finding]:
    from edge_runtime.core.model_file import open_model

    file = open_model(model)
    where = f"{printable(file.path)} ({file.id}, {len(file.flatbuffer):,} bytes)"
    if file.card is None:
        cure = "Use a model made by `thinsmear convert`, or classify with --labels and --input-range."
        return [warn("model", f"{where} is readable, but has no card.", cure)]
    return [ok("model", f"{where}, with card")]


def _load(model: str | None) -> list[Finding]:
    from edge_runtime.core.model_file import open_model

    file = open_model(model)
    if file.card is not None:
        from edge_runtime.core.classifier import Classifier

        Classifier(file)
    else:
        from edge_runtime.core.backends import open_interpreter

        open_interpreter(file.flatbuffer)
    return []


def _golden(model: str | None) -> list[Finding]:
    from edge_runtime.core.classifier import Classifier
    from edge_runtime.core.model_file import open_model
    from edge_runtime.inspection.golden import check_golden, golden_of

    file = open_model(model)
    golden = golden_of(file)
    if golden is None:
        cure = "Convert the model again with `thinsmear convert`, which puts golden vectors in."
        return [warn("golden", "The model holds no golden vectors, so nothing can be proven with it.", cure)]
    classifier = Classifier(file)
    check = check_golden(classifier.interpreter, classifier.contract, golden)
    if not check.passed:
        found = f"{check.changed_values:,} input values differ, outputs are up to {check.output_distance:g} apart"
        cure = "Run `pip install --upgrade pillow numpy ai-edge-litert`."
        return [fail("golden", f"This machine computes something else: {found}.", cure)]
    version = f"{classifier.interpreter.name} {classifier.interpreter.version}"
    near = f"inputs bit-equal, outputs up to {check.output_distance:g} apart ({check.output_limit:g} allowed)"
    return [ok("golden", f"{check.images} images: {near}; {version}")]


_TASKS = {"numpy": _numpy, "pillow": _pillow, "model": _model, "load": _load, "golden": _golden}


def _read(output: bytes) -> tuple[list[Finding], str | None]:
    """The findings the child has told, and the step it was in when it ended without saying that it is done."""
    findings: list[Finding] = []
    step: str | None = "numpy"
    for line in output.decode("utf-8", "replace").splitlines():
        try:
            told = json.loads(line)
        except ValueError:  # a library talks on stdout
            continue
        if not isinstance(told, dict):
            continue
        if "end" in told:
            step = None
        elif "begin" in told:
            step = str(told["begin"])
        elif set(told) == {"name", "status", "message", "cure"}:
            findings.append(Finding(**told))
    return findings, step


def _ending(status: int | None, seconds: float) -> str:
    if status is None:
        return f"was not done after {seconds:g} s"
    if status >= 0:
        return f"ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"was killed by {name}"


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return printable(lines[0].rstrip(".")) if lines else type(error).__name__


def _say(told: dict[str, object]) -> None:
    print(json.dumps(told), flush=True)
