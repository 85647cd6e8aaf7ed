"""The root command: instant help, lazy commands, errors as sentences."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from edge_runtime import __version__, cli
from edge_runtime.errors import BadModel, EnvironmentLacks, GateFailed, NotConclusive, WrongUsage

HOST_PACKAGES = ("tensorflow", "keras", "matplotlib", "scipy", "sklearn", "pandas")
ROOT = Path(cli.__file__).resolve().parents[1]


def thinsmear(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "edge_runtime", *arguments],
        capture_output=True, text=True, env=environment, timeout=1200, **options,  # type: ignore[call-overload]
    )  # fmt: skip


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Put a function in the place of a command."""

    def replace(function):  # type: ignore[no-untyped-def]
        monkeypatch.setattr(cli.root, "get_command", lambda context, name: click.Command(name, callback=function))

    return replace


def test_help_lists_every_command_without_loading_one() -> None:
    script = (
        "import sys; from edge_runtime.cli import run; run(['--help']); "
        "print([m for m in sys.modules if m.split('.')[0] in ('numpy', 'PIL', 'train', 'convert', 'benchmarks')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    for name in cli.COMMANDS:
        assert f"  {name} " in done.stdout
    assert done.stdout.rstrip().endswith("[]")


def test_version() -> None:
    done = thinsmear("--version")
    assert (done.returncode, done.stdout) == (0, f"thinsmear {__version__}\n")


@pytest.mark.parametrize("word, message", [("clasify", "Did you mean classify?"), ("xyzzy", "no command 'xyzzy'")])
def test_an_unknown_command(word: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([word]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "error, code",
    [
        (BadModel("It is bad."), 1),
        (GateFailed("It is bad."), 1),
        (WrongUsage("It is bad."), 2),
        (click.UsageError("It is bad."), 2),
        (EnvironmentLacks("It is bad."), 3),
        (NotConclusive("It is bad."), 4),
    ],
)
def test_errors_are_one_sentence_and_their_exit_code(  # type: ignore[no-untyped-def]
    error: Exception, code: int, command, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    command(fail)
    assert cli.run(["show"]) == code
    captured = capsys.readouterr()
    assert captured.err.startswith("error: It is bad.") and captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize(
    "error, code, words",
    [
        (KeyboardInterrupt(), 130, "stopped"),
        (PermissionError(13, "Permission denied", "out.csv"), 1, "out.csv: Permission denied."),
        (OSError(28, "No space left on device"), 1, "No space left on device."),
        (ModuleNotFoundError("No module", name="tensorflow.keras"), 3, 'pip install "thinsmear[host]"'),
        (MemoryError(), 1, "memory"),
    ],
)
def test_what_machines_do(  # type: ignore[no-untyped-def]
    error: BaseException, code: int, words: str, command, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    command(fail)
    assert cli.run(["show"]) == code
    assert words in capsys.readouterr().err


def test_an_error_of_ours_keeps_its_traceback(command) -> None:  # type: ignore[no-untyped-def]
    def fail() -> None:
        raise ModuleNotFoundError("No module named 'edge_runtime.nonsense'", name="edge_runtime.nonsense")

    command(fail)
    with pytest.raises(ModuleNotFoundError):
        cli.run(["show"])


def test_exit_codes_of_commands_come_through(command) -> None:  # type: ignore[no-untyped-def]
    command(lambda: click.get_current_context().exit(4))
    assert cli.run(["show"]) == 4


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_tab_completion_needs_no_commands_code(shell: str) -> None:
    environment = {
        **os.environ,
        "_THINSMEAR_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": "thinsmear cla",
        "COMP_CWORD": "1" if shell != "fish" else "cla",
    }
    script = (
        "import sys; from edge_runtime.cli import main\n"
        "try: main([])\n"
        "finally: print('numpy' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, env=environment)
    assert "classify" in done.stdout and "convert" not in done.stdout
    assert done.stderr.strip().endswith("False")


def test_classifying_never_loads_the_hosts_packages(model_path: Path, cell) -> None:  # type: ignore[no-untyped-def]
    script = (
        "import sys; from edge_runtime.cli import run; code = run(sys.argv[1:]); "
        f"print(code, [p for p in {HOST_PACKAGES} if p in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "classify", "--json", "--model", str(model_path), str(cell("a.png"))],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "0 []"


def test_a_reader_that_stops_early_hears_nothing(model_path: Path, cell) -> None:  # type: ignore[no-untyped-def]
    for i in range(30):
        cell(f"many/{i}.png")
    running = subprocess.Popen(
        [sys.executable, "-m", "edge_runtime", "classify", "--json", "--model", str(model_path), "many"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=model_path.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert running.stdout is not None and running.stderr is not None
    running.stdout.readline()
    running.stdout.close()
    assert running.stderr.read() == b""
    assert running.wait(1200) == 0


@pytest.mark.parametrize("threads", ["1", "2"])
def test_ctrl_c_keeps_the_lines_already_printed(threads: str, model_path: Path, cell) -> None:  # type: ignore[no-untyped-def]
    first = cell("many/000.png", size=(900, 900))
    for i in range(1, 400):
        os.link(first, first.with_name(f"{i:03}.png"))
    with open(model_path.parent / "out.jsonl", "wb") as output:
        running = subprocess.Popen(
            [sys.executable, "-m", "edge_runtime", "classify", "--json", "--model", str(model_path), "many",
             "--threads", threads],
            stdout=output, stderr=subprocess.PIPE, cwd=model_path.parent, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        deadline = time.monotonic() + 1200
        while os.path.getsize(output.name) < 500 and time.monotonic() < deadline:
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        _, error = running.communicate(timeout=1200)
    lines = (model_path.parent / "out.jsonl").read_text().splitlines()
    assert (running.returncode, error.strip()) == (130, b"error: stopped")
    assert 3 <= len(lines) < 400 and all(line.startswith("{") and line.endswith("}") for line in lines)
