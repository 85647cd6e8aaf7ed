"""The documents for the bench and the field say what the program does: compared with the code, so that they cannot drift."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from edge_runtime import doctor
from edge_runtime.deploy.card.settings import PINS
from edge_runtime.doctor import runtime
from edge_runtime.doctor.golden_check import STEPS

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = ROOT / "docs"
CHECKS = sorted(Path(doctor.__file__).parent.glob("*.py"))
VALUES = {"LITERT": runtime.LITERT, "_ALL_GOVERNORS": "sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"}


def names_of_checks() -> set[str]:
    """The first argument of every finding that the self-test can make."""
    found = {name for name, _, _ in STEPS.values()}
    for path in CHECKS:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                makers = {name.id for name in ast.walk(node.func) if isinstance(name, ast.Name)}
                if makers & {"ok", "warn", "fail"}:
                    found.add(str(node.args[0].value))
    return found


def commands_of_cures() -> set[str]:
    """What stands between backticks in the texts of the self-test."""
    found: set[str] = set()
    for path in CHECKS:
        tree = ast.parse(path.read_text())
        documentation = {ast.get_docstring(node, clean=False) for node in ast.walk(tree)
                         if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)}  # fmt: skip
        for node in ast.walk(tree):
            text = ""
            if isinstance(node, ast.JoinedStr):
                text = "".join(_part(value) for value in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value not in documentation:
                text = node.value
            if text.count("`") % 2 == 0:  # else a piece of an f-string, which is looked at as a whole
                found |= {command for command in re.findall("`([^`]*)`", text) if "{" not in command}
    return found


def _part(value: ast.expr) -> str:
    if isinstance(value, ast.Constant):
        return str(value.value)
    name = value.value.id if isinstance(value, ast.FormattedValue) and isinstance(value.value, ast.Name) else ""
    return VALUES.get(name, "{}")


@pytest.fixture(scope="module")
def table() -> str:
    text = (DOCUMENTS / "hardware.md").read_text()
    found = re.search(r"<!-- doctor: begin.*?-->(.*)<!-- doctor: end -->", text, re.S)
    assert found is not None
    return found[1]


def test_every_check_of_the_doctor_has_its_row(table: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \|", table, re.M)
    assert len(rows) == len(set(rows)) == 15
    assert set(rows) == names_of_checks()


def test_every_row_says_what_to_do(table: str) -> None:
    for row in re.findall(r"^\| `.*$", table, re.M):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        assert len(cells) == 4 and all(len(cell) >= 8 for cell in cells[1:]), row


def test_the_commands_of_the_cures_are_in_the_table(table: str) -> None:
    commands = commands_of_cures()
    assert {"sudo apt install raspi-utils", "pip install ai-edge-litert"} <= commands and len(commands) >= 15
    plain = table.replace("\\|", "|")
    assert [command for command in sorted(commands) if command not in plain] == []


def test_the_wiring_is_what_the_options_take() -> None:
    text = (DOCUMENTS / "hardware.md").read_text()
    pins = {int(number) for number in re.findall(r"--(?:led|button) (\d+)", text)}
    assert pins == {17, 3} and pins <= set(PINS)


@pytest.mark.parametrize("name", ["device", "hardware", "field-guide", "boot-test"])
def test_links_and_pictures_lead_somewhere(name: str) -> None:
    text = (DOCUMENTS / f"{name}.md").read_text()
    targets = [target for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in target]
    assert [target for target in targets if not (DOCUMENTS / target).exists()] == []


def test_the_field_guide_fits_on_a_page_and_makes_no_diagnosis() -> None:
    text = (DOCUMENTS / "field-guide.md").read_text()
    assert "For Research Use Only. Not for use in diagnostic procedures." in text
    assert len(text.split()) < 750
    assert not re.search(r"\b(negative|diagnos(e|is)|healthy)\b", text, re.I)


def test_the_field_guide_speaks_with_the_pages_words() -> None:
    messages = json.loads((ROOT / "edge_runtime/server/page/messages/en.json").read_text())
    words = set(
        re.findall(r"(?<!\*)\*([^*\n]+)\*(?!\*)|\*\*\*([^*\n]+)\*\*\*", (DOCUMENTS / "field-guide.md").read_text())
    )
    shown = {one or other for one, other in words} - {"italics"}
    assert len(shown) > 20 and shown - {text for text in messages.values() if isinstance(text, str)} == set()
