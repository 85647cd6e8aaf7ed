"""The page that every HTML report of the workstation stands on: one file, which loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from edge_runtime.core.card import RESEARCH_USE
from train.report.style import CSS


def page(
    title: str,
    body: str,
    subtitle: str = "",
    links: Mapping[str, str] | None = None,
    footer: str | None = None,
    style: str = "",
) -> str:
    """A complete HTML document: heading with the research-use notice, links to its sections, content, footer.

    Args:
        title: plain text, the heading.
        body: HTML of the content, see :func:`train.report.html.section`.
        subtitle: plain text below the heading; none when empty.
        links: headings of the sections that can be jumped to, by anchor; None for a page without such links.
        footer: plain text at the end, below the notice; None for a page without a footer.
        style: rules in addition to those of all reports.

    Returns:
        Text that is valid UTF-8: bytes in file names that are no text stand there as escapes.
    """
    below = f"\n<p>{escape(subtitle)}</p>\n" if subtitle else ""
    document = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{escape(title)}</title>
<style>{CSS}{style}</style>
</head>
<body>
{_skip(links)}<header><div><h1>{escape(title)}</h1>{below}<p class="research">{escape(RESEARCH_USE)}</p></div></header>
{_navigation(links)}<main id="main">
{body}
</main>
{_footer(footer)}</body>
</html>
"""
    return document.encode("utf-8", "backslashreplace").decode("utf-8")


def _skip(links: Mapping[str, str] | None) -> str:
    return "" if links is None else '<a class="skip" href="#main">To the content</a>\n'


def _navigation(links: Mapping[str, str] | None) -> str:
    if links is None:
        return ""
    entries = "".join(
        f'<li><a href="#{escape(anchor)}">{escape(heading)}</a></li>' for anchor, heading in links.items()
    )
    return f'<nav aria-label="Sections"><ul>{entries}</ul></nav>\n'


def _footer(text: str | None) -> str:
    return "" if text is None else f"<footer><p>{escape(RESEARCH_USE)}</p><p>{escape(text)}</p></footer>\n"
