"""Builds rows anew from pictures whose rows are lost: the database is gone or damaged, or an older copy was put back.

The pictures are read again with a model. What only the database knew is lost: verdicts, participants' codes, stain,
whether the slide was a blank. A session gets the code that its folder has, a new participant code, and the slide
:data:`SLIDE`; where its row is there, only its missing fields are added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.core.images import load_image
from edge_runtime.errors import BadImage, WrongUsage
from edge_runtime.sessions.codes import checked_session
from edge_runtime.sessions.intake import FROM_FILE, Intake
from edge_runtime.sessions.records import FIELD, SessionPlan
from edge_runtime.sessions.store.location import DATABASE
from edge_runtime.sessions.store.orphans import quarantined, remove

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_runtime.sessions.intake import Result
    from edge_runtime.sessions.records import Added, ModelRecord, Session
    from edge_runtime.sessions.store.store import Store

    Read = Callable[[NDArray[np.uint8]], Result]

SLIDE = "recovered"
_KEPT_NAME = "lost"
_LOG_FILES = ("", "-wal", "-shm")


@dataclass(frozen=True)
class Recovered:
    """What became of one picture.

    Attributes:
        path: where it lay.
        session: code by its folder.
        added: its place in the session; None where it stays in ``quarantine/``.
        problem: why it stays.
    """

    path: Path
    session: str
    added: Added | None = None
    problem: BadImage | WrongUsage | None = None


def put_database_away(root: Path) -> Path | None:
    """Rename a store's database, so that a new one can be made; nothing is deleted. Its new name, None if none was."""
    database = root / DATABASE
    if not database.exists():
        return None
    number = 1
    while (root / f"{DATABASE}.{_KEPT_NAME}-{number}").exists():
        number += 1
    for ending in reversed(_LOG_FILES):  # the database last: a cut in between leaves a store that still says so
        part = root / f"{DATABASE}{ending}"
        if part.exists():
            part.rename(root / f"{DATABASE}.{_KEPT_NAME}-{number}{ending}")
    return root / f"{DATABASE}.{_KEPT_NAME}-{number}"


def recover(
    store: Store, model: ModelRecord, reader_of: Callable[[str], Read], kind: str = FIELD
) -> Iterator[Recovered]:
    """Read every picture in ``quarantine/`` again and add it to its session; one that was added leaves it.

    Args:
        model: what the readers classify with.
        reader_of: how a picture of a whole field ("field") or of a single cell ("cell") is read.
        kind: "field" or "cell", of sessions that are made anew; others go on as they are.
    """
    for folder, paths in groupby(quarantined(store.root), key=lambda path: path.parent):
        try:
            session, its_kind = _session(store, folder.name, kind)
        except WrongUsage as error:
            yield from (Recovered(path, folder.name, problem=error) for path in paths)
            continue
        intake, read = Intake(store, session, model), reader_of(its_kind)
        for path in paths:
            yield _one(intake, path, read)


def _session(store: Store, name: str, kind: str) -> tuple[Session, str]:
    """The session that a folder is named by, made anew where its row is lost, and the kind of its pictures."""
    code = checked_session(name)
    try:
        session = store.session(code)
    except WrongUsage:
        return store.new_session(SessionPlan(SLIDE), code), kind
    with store.reading() as connection:
        row = connection.execute("SELECT kind FROM fields WHERE session_id = ? LIMIT 1", (session.id,)).fetchone()
    return session, row["kind"] if row else kind


def _one(intake: Intake, path: Path, read: Read) -> Recovered:
    code = intake.session.code
    written = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc).isoformat(timespec="seconds")
    try:
        content = path.read_bytes()
        pixels = load_image(content)
        taken = intake.take(pixels, read(pixels), content, {**FROM_FILE, "recovered": True, "file_written": written})
    except (BadImage, WrongUsage) as error:  # WrongUsage: counted with another model
        return Recovered(path, code, problem=error)
    remove([path])
    return Recovered(path, code, taken.added)
