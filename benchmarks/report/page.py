"""Whole documents of sections: a Markdown file with its pictures, a web page in one file, a block of a README."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.report.forms import html, markdown
from benchmarks.report.section import Section
from edge_runtime.core.card import RESEARCH_USE
from train.report.page import page
from train.report.plot_style import render

_TITLE = "thinsmear benchmarks"


def markdown_page(sections: Sequence[Section], stem: str) -> tuple[str, dict[str, bytes]]:
    """The text, and the pictures that belong beside it by name."""
    pictures: dict[str, bytes] = {}
    texts = []
    for number, section in enumerate(sections, start=1):
        name = f"{stem}-{number}-{section.kind}.svg"
        svg = draw(section)
        if svg is not None:
            pictures[name] = svg
        texts.append(markdown(section, None if svg is None else name))
    return "\n".join([f"# {_TITLE}", "", f"> {RESEARCH_USE}", "", *texts]), pictures


def web_page(sections: Sequence[Section], title: str = _TITLE) -> str:
    """HTML with everything in it and nothing from a network, headed by ``title``."""
    body = "\n".join(
        html(section, f"{section.kind}-{number}", draw(section)) for number, section in enumerate(sections, start=1)
    )
    return page(title, body)


def block_text(sections: Sequence[Section], picture: str | None) -> str:
    """What stands between two markers: tables, remarks and commands, without headings, and the first picture."""
    shown = [section for section in sections if section.picture is not None][:1]
    texts = [markdown(section, picture if section in shown else None, level=0) for section in sections]
    return "\n" + "\n".join(texts) + "\n"


def picture_svg(sections: Sequence[Section]) -> bytes | None:
    """The picture of a block."""
    return next((draw(section) for section in sections if section.picture is not None), None)


def draw(section: Section, form: str = "svg") -> bytes | None:
    """A section's picture, "svg" or "png"; None when it has none.

    Raises:
        EnvironmentLacks: matplotlib is missing.
    """
    if section.picture is None:
        return None
    return render(section.picture.draw, section.picture.size, form, section.picture.heights)
