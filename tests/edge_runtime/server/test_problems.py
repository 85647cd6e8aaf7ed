"""What the program's own errors mean to a caller: statuses and kinds, by the errors' kinds and never by their words."""

from __future__ import annotations

import pytest

from edge_runtime.errors import NO_SPACE, BadData, BadImage, EnvironmentLacks, NotConclusive, ThinsmearError, WrongUsage
from edge_runtime.sessions.store.connection import BUSY, FULL, StoreProblem

pytest.importorskip("fastapi", reason='the server needs `pip install "thinsmear[serve]"`')

from edge_runtime.cameras.protocol import CameraFault
from edge_runtime.server.problems import problem_of


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (BadImage("x", "not-an-image"), 422, "not-an-image"),
        (WrongUsage("x"), 422, "wrong-usage"),
        (NotConclusive("x"), 409, "not-conclusive"),
        (CameraFault("x"), 503, "camera"),
        (StoreProblem("The disk of a store.", FULL), 507, "store"),
        (StoreProblem("The folder full.db was busy.", BUSY), 503, "store"),
        (StoreProblem("x"), 503, "store"),
        (EnvironmentLacks("Little is left.", NO_SPACE), 507, "no-space"),
        (EnvironmentLacks("OpenCV is missing; 60 MB are free."), 501, "lacking"),
        (OSError(28, "No space left on device"), 503, "store"),
        (BadData("x"), 500, "internal"),
    ],
)
def test_an_errors_kind_decides(error: ThinsmearError | OSError, status: int, kind: str) -> None:
    problem = problem_of(error)
    assert (problem.status, problem.kind) == (status, kind)
