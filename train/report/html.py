"""Pieces of HTML that a report is put together from; every text that comes in is escaped here."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

UNDEFINED = "\N{EM DASH}"


def section(anchor: str, heading: str, *content: str) -> str:
    """A titled block; ``content`` is HTML."""
    return f'<section id="{anchor}" aria-labelledby="{anchor}-h"><h2 id="{anchor}-h">{escape(heading)}</h2>' + (
        "\n".join(content) + "</section>"
    )


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text; ``kind`` is a class of the style sheet."""
    return f"<p{_class(kind)}>{escape(text)}</p>"


def bullets(texts: Iterable[str]) -> str:
    """A list of plain texts."""
    return '<ul class="plain">' + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>"


def facts(pairs: Mapping[str, Any]) -> str:
    """Names and values, one pair a line."""
    lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in pairs.items())
    return f"<dl>{lines}</dl>"


def table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[object]], text_columns: int = 1) -> str:
    """A table of plain values; the first ``text_columns`` columns are words, the others numbers set to the right."""

    def kind(column: int) -> str:
        return "" if column < text_columns else ' class="n"'

    head = "".join(f'<th scope="col"{kind(i)}>{escape(text)}</th>' for i, text in enumerate(headings))
    body = "".join(
        "<tr>"
        + f'<th scope="row">{escape(str(row[0]))}</th>'
        + "".join(f"<td{kind(i)}>{escape(str(value))}</td>" for i, value in enumerate(row[1:], start=1))
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="wide"><table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def tile(title: str, value: str, detail: str) -> str:
    """One big number with its name above and its interval below."""
    return f'<div class="tile"><span>{escape(title)}</span><b>{escape(value)}</b><span>{escape(detail)}</span></div>'


def folded(summary: str, content: str) -> str:
    """Something long that opens on a click."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def plot(svg: bytes | None, alternative: str, caption: str) -> str:
    """An embedded SVG with a text for those who cannot see it; nothing when there is no plot."""
    if svg is None:
        return ""
    source = data_uri(svg, "image/svg+xml")
    return (
        f'<figure><img src="{source}" alt="{escape(alternative)}"><figcaption>{escape(caption)}</figcaption></figure>'
    )


def cell_picture(png: bytes, link: str, title: str, lines: Sequence[str]) -> str:
    """A small picture that links to its file, with lines of text below."""
    text = "<br>".join(escape(line) for line in lines)
    image = f'<img src="{data_uri(png, "image/png")}" alt="{escape(title)}">'
    return (
        f'<figure><a href="{escape(link)}" title="{escape(title)}">{image}</a><figcaption>{text}</figcaption></figure>'
    )


def data_uri(content: bytes, kind: str) -> str:
    """Bytes as a ``data:`` address."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def number(value: float | None, digits: int = 4) -> str:
    """A figure, or a dash where it does not exist."""
    return UNDEFINED if value is None else f"{value:.{digits}f}"


def interval(entry: Mapping[str, Any], digits: int = 4) -> str:
    """``low`` to ``high``, or a dash."""
    if entry.get("low") is None:
        return UNDEFINED
    return f"{entry['low']:.{digits}f}\N{EN DASH}{entry['high']:.{digits}f}"


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
