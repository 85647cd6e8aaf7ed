"""What was found outside the cells that the machine counted, as label and sentence: for the report and the status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_runtime.sessions.numbers import number

if TYPE_CHECKING:
    from edge_runtime.sessions.left_out.counts import LeftOut


def left_out_rows(found: LeftOut) -> list[tuple[str, str]]:
    """Objects and added cells; nothing where there are none."""
    parts = []
    if found.objects:
        seen = "all looked at" if not found.pending else f"{found.looked:,} looked at"
        said = [f"{found.asexual:,} with asexual parasites", f"{found.gametocytes:,} with gametocytes only"]
        said += [f"{found.unsure:,} unsure"] if found.unsure else []
        verdicts = f": {', '.join(said)}" if found.looked else ""
        parts.append(
            f"{number(found.objects, 'object')} that the machine left out and that look infected, {seen}{verdicts}."
        )
    if added := found.added_asexual + found.added_gametocytes + found.added_unsure:
        unsure = f", {found.added_unsure:,} unsure" if found.added_unsure else ""
        parts.append(
            f"{number(added, 'cell')} added by a reviewer: {found.added_asexual:,} with asexual parasites, "
            f"{found.added_gametocytes:,} with gametocytes only{unsure}."
        )
    if found.confirmed:
        parts.append("Each one that holds a parasite is counted as one more infected cell among one more cell.")
    return [("Left out", " ".join(parts))] if parts else []
