"""What a command of this package has to say, to machines and to people, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge_runtime.errors import ThinsmearError


@dataclass(frozen=True)
class Result:
    """The end of a command.

    Attributes:
        document: for machines.
        text: for people.
        error: what the command ends with after it has said all that; None when all is well.
    """

    document: dict[str, Any]
    text: str
    error: ThinsmearError | None = None
