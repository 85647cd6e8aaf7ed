"""The page for the person at the microscope quotes the screen: every quoted word is on it."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GUIDE = ROOT / "docs" / "field-guide.md"


def test_what_the_guide_quotes_stands_on_the_page() -> None:
    catalogue = json.loads((ROOT / "edge_runtime/server/page/messages/en.json").read_text(encoding="utf-8"))
    words = {text.rstrip(".") for text in catalogue.values() if isinstance(text, str)}  # others: plural forms
    quoted = {
        found.rstrip(".")
        for found in re.findall(r"(?<!\*)\*{1}([^*\n]+)\*{1}(?!\*)", GUIDE.read_text(encoding="utf-8"))
    }
    quoted |= {found.rstrip(".") for found in re.findall(r"\*{3}([^*\n]+)\*{3}", GUIDE.read_text(encoding="utf-8"))}
    quoted.discard("italics")
    assert len(quoted) > 15
    assert quoted <= words, sorted(quoted - words)


def test_its_pictures_are_there() -> None:
    pictures = re.findall(r"\]\((pictures/[^)]+)\)", GUIDE.read_text(encoding="utf-8"))
    assert len(pictures) >= 5 and all((GUIDE.parent / name).is_file() for name in pictures)
