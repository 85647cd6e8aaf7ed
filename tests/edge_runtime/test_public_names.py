"""What ``from edge_runtime import ...`` offers: the listed names, each imported when it is asked for."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import edge_runtime

LIGHT = ("numpy", "PIL", "click", "cv2", "sqlite3")  # what a bare import must not bring


@pytest.mark.parametrize("name", edge_runtime.__all__)
def test_every_listed_name_is_there_and_documented(name: str) -> None:
    found = getattr(edge_runtime, name)
    assert name == "__version__" or (found.__name__ == name and found.__doc__)


def test_type_checkers_are_told_the_same_names() -> None:
    source = ast.parse(Path(edge_runtime.__file__).read_text())
    (checked,) = (node for node in source.body if isinstance(node, ast.If) and not isinstance(node.test, ast.UnaryOp))
    told = {
        (statement.module, alias.name)
        for statement in checked.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert told == {(home, name) for home, names in edge_runtime._HOMES.items() for name in names}
    assert {name for _, name in told} | {"__version__"} == set(edge_runtime.__all__)


def test_all_is_sorted_and_shown() -> None:
    assert edge_runtime.__all__ == sorted(edge_runtime.__all__)
    assert set(edge_runtime.__all__) <= set(dir(edge_runtime))


def test_other_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Classifer'"):
        edge_runtime.Classifer  # noqa: B018
    with pytest.raises(ImportError):
        from edge_runtime import nothing  # noqa: F401


def test_the_import_brings_nothing_along() -> None:
    script = f"import sys, edge_runtime; print([m for m in sys.modules if m.split('.')[0] in {LIGHT}])"
    root = Path(edge_runtime.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"


def test_a_program_that_reads_fields_loads_no_records() -> None:
    script = (
        "import sys; from edge_runtime import Classifier, FieldReader, load_image; "
        "print([m for m in sys.modules if m.startswith(('edge_runtime.sessions', 'edge_runtime.cameras', 'click'))])"
    )
    root = Path(edge_runtime.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"


def test_types_come_along() -> None:
    spec = importlib.util.find_spec("edge_runtime")
    assert spec is not None and spec.origin is not None and Path(spec.origin).with_name("py.typed").is_file()
