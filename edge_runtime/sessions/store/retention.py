"""Keeping no longer than needed: removes old images, or whole old sessions, and says beforehand what would go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from edge_runtime.errors import EnvironmentLacks
from edge_runtime.sessions.clock import Moment
from edge_runtime.sessions.records import COUNT
from edge_runtime.sessions.store import ballast
from edge_runtime.sessions.store.orphans import finish_removals, quarantined, remove

if TYPE_CHECKING:
    from edge_runtime.sessions.store.store import Store

IMAGES, SESSIONS = "images", "sessions"
_PATIENCE = 5.0  # seconds to wait until no other process is adding
_DAY = 86_400.0  # seconds
_TRUSTED = "clock <> 'unset'"


@dataclass(frozen=True)
class Removal:
    """What goes, or would go.

    Attributes:
        what: "images" or "sessions".
        before: ISO 8601, UTC; older ones go.
        sessions: codes concerned, oldest first.
        images: files.
        image_bytes: their size.
        undated: sessions that stay because they were made before the clock was set.
        dry_run: whether nothing was removed.
        set_aside: files without a row, in ``quarantine/``, written before that.
    """

    what: str
    before: str
    sessions: tuple[str, ...]
    images: int
    image_bytes: int
    undated: int
    dry_run: bool
    set_aside: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**self.__dict__, "sessions": list(self.sessions)}


def retain(store: Store, days: float, what: str = IMAGES, dry_run: bool = False) -> Removal:
    """Remove what is older than ``days``.

    "images" removes the images of fields; counts, verdicts and the small pictures of suspected cells stay. "sessions"
    removes everything of counting sessions; those on blank slides stay until they are discarded, because later counts
    rest on them. Files that were set aside go by their own age. Rows go first and files after, by a list in the
    database: what a power cut in between leaves goes at the next start.

    Args:
        days: 0 or more, from a session's beginning.
        what: "images" or "sessions".
        dry_run: only say what would go.

    Raises:
        EnvironmentLacks: the clock is not set, so nothing has an age.
    """
    moment = store.moment()
    if moment.clock == "unset":
        raise EnvironmentLacks(
            f"The clock says {moment.text} but was not set since this machine started, so nothing has an age; connect "
            "it to a network, or set it and confirm with `thinsmear session site --clock-is-right`."
        )
    before = _text(moment, days)
    with store.reading() as connection:
        undated = connection.execute("SELECT count(*) FROM sessions WHERE clock = 'unset'").fetchone()[0]
        old = f"s.recorded_at < ? AND s.{_TRUSTED}"
        wanted = (
            f"{old} AND (s.purpose = '{COUNT}' OR s.discarded)"
            if what == SESSIONS
            else f"{old} AND f.image IS NOT NULL"
        )
        rows = connection.execute(
            f"""SELECT s.id, s.code, count(f.image) AS images,
                coalesce(sum(f.image_bytes) FILTER (WHERE f.image IS NOT NULL), 0) AS bytes
            FROM sessions AS s LEFT JOIN fields AS f ON f.session_id = s.id
            WHERE {wanted} GROUP BY s.id ORDER BY s.id""",
            (before,),
        ).fetchall()
    if not dry_run and rows:
        ballast.release(store.root, ballast.SIZE)
        for row in rows:  # a transaction each keeps other processes waiting for moments only
            with store.writing() as connection:
                connection.execute(
                    """INSERT OR IGNORE INTO removals SELECT image FROM fields
                    WHERE session_id = ? AND image IS NOT NULL""",
                    (row["id"],),
                )
                if what == SESSIONS:
                    connection.execute("DELETE FROM sessions WHERE id = ?", (row["id"],))
                else:
                    connection.execute("UPDATE fields SET image = NULL WHERE session_id = ?", (row["id"],))
        finish_removals(store, _PATIENCE)
        store.shrink_log()
    aside = [path for path in quarantined(store.root) if path.stat().st_mtime < moment.wall - days * _DAY]
    if not dry_run:
        remove(aside)
    return Removal(
        what=what,
        before=before,
        sessions=tuple(row["code"] for row in rows),
        images=sum(row["images"] for row in rows),
        image_bytes=sum(row["bytes"] for row in rows),
        undated=undated,
        dry_run=dry_run,
        set_aside=len(aside),
    )


def _text(moment: Moment, days: float) -> str:
    then = datetime.fromtimestamp(moment.wall, timezone.utc) - timedelta(days=days)
    return Moment(then.timestamp(), moment.boot_id, moment.monotonic, moment.clock).text
