"""``thinsmear doctor`` from outside: the model's proof in its own process, the command's output and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.commands.doctor import doctor
from edge_runtime.core.model_file import pack_model, read_model_file
from edge_runtime.doctor.findings import Finding
from edge_runtime.doctor.golden_check import check_model
from edge_runtime.errors import EnvironmentLacks
from edge_runtime.inspection.golden import golden_of, write_golden

Models = Callable[[str], bytes]


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def test_a_model_that_is_proven(model_path: Path) -> None:
    found = by_name(check_model(str(model_path)))
    assert (found["model"].status, found["golden"].status) == ("ok", "ok")
    assert read_model_file(model_path).id in found["model"].message
    assert "inputs bit-equal" in found["golden"].message


def test_golden_vectors_that_are_not_met(model_path: Path) -> None:
    model = read_model_file(model_path)
    golden = golden_of(model)
    assert golden is not None and model.card is not None
    golden = replace(golden, inputs=(golden.inputs // 2).astype(np.uint8))
    model_path.write_bytes(pack_model(model.flatbuffer, model.card, write_golden(golden)))
    found = by_name(check_model(str(model_path)))
    assert found["model"].status == "ok" and found["golden"].status == "fail"


def test_a_model_of_another_maker(flatbuffer_of: Models, tmp_path: Path) -> None:
    path = tmp_path / "plain.tflite"
    path.write_bytes(flatbuffer_of("softmax"))
    found = by_name(check_model(str(path)))
    assert (found["model"].status, found["golden"].status) == ("warn", "warn")


@pytest.mark.parametrize(
    ("content", "message", "cure"),
    [(None, "There is no model file", "Check the path."), (b"no model at all", "is no TFLite model", "again")],
)
def test_a_model_that_cannot_be_read(content: bytes | None, message: str, cure: str, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    if content is not None:
        path.write_bytes(content)
    (finding,) = check_model(str(path))
    assert (finding.name, finding.status) == ("model", "fail")
    assert message in finding.message and finding.cure is not None and cure in finding.cure


@pytest.mark.parametrize(
    ("script", "name", "words"),
    [
        # what a package built for another processor does
        ('print(\'{"begin": "load"}\', flush=True); import os; os.kill(os.getpid(), 4)', "runtime", "SIGILL"),
        ("import os; os._exit(7)", "numpy", "ended with status 7"),
        ('print(\'{"begin": "golden"}\', flush=True); import time; time.sleep(60)', "golden", "not done after 1"),
        ("print('noise [1] {'); print('[]'); print('{\"begin\": \"model\"}')", "model", "ended with status 0"),
    ],
)
def test_a_process_that_ends_badly(script: str, name: str, words: str) -> None:
    (finding,) = check_model(None, [sys.executable, "-c", script], seconds=1.5)
    assert (finding.name, finding.status) == (name, "fail")
    assert words in finding.message and finding.cure


def test_a_python_that_does_not_start(tmp_path: Path) -> None:
    (finding,) = check_model(None, [str(tmp_path / "python")])
    assert finding.status == "fail" and "cannot start" in finding.message


@pytest.mark.parametrize("package", ["numpy", "PIL", "ai_edge_litert"])
def test_a_package_that_cannot_be_imported(package: str, tmp_path: Path) -> None:
    """The doctor lives where NumPy does not; the reason is the first error, not the package's page of advice."""
    (tmp_path / f"{package}.py").write_text(
        "try:\n    raise ImportError('libstdc++.so.6: cannot open')\n"
        "except ImportError as error:\n    raise ImportError('\\n\\nREAD THIS\\n') from error\n"
    )
    (tmp_path / "tflite_runtime.py").write_text("raise ImportError('not here')")
    (tmp_path / "tensorflow.py").write_text("raise ImportError('not here')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nfrom edge_runtime.doctor.golden_check import child; child([])"
    found = check_model(None, [sys.executable, "-c", code])
    failed = [finding for finding in found if finding.status == "fail"]
    expected = {"numpy": "numpy", "PIL": "pillow", "ai_edge_litert": "runtime"}[package]
    assert [finding.name for finding in failed] == [expected]
    if package != "ai_edge_litert":
        assert "libstdc++.so.6: cannot open" in failed[0].message and "READ THIS" not in failed[0].message


def run(*arguments: str) -> int:
    try:
        doctor.main(list(arguments), standalone_mode=False)
    except EnvironmentLacks as error:
        return error.exit_code
    return 0


def test_for_people(model_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--model", str(model_path)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[:2] == ["ok", "golden"] for line in lines)
    assert lines[-1] == "This machine can classify cells."


def test_json(model_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--model", str(model_path), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["version"], document["ok"]) == (1, True)
    names = [finding["name"] for finding in document["findings"]]
    assert names[:2] == ["python", "architecture"] and names[-1] == "clock"
    for finding in document["findings"]:
        assert set(finding) == {"name", "status", "message", "cure"}
        assert finding["status"] in ("ok", "warn", "fail")
        assert (finding["cure"] is None) == (finding["status"] == "ok")


def test_a_machine_that_cannot_classify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--model", str(tmp_path / "gone.tflite"), "--json") == 3
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert [f["name"] for f in document["findings"] if f["status"] == "fail"] == ["model"]


def test_it_starts_without_numpy() -> None:
    code = "import sys; import edge_runtime.commands.doctor, edge_runtime.doctor; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
