"""A database that is gone, empty, damaged, older or another's: no picture is deleted, and all can be counted again."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.core.classifier import CellResult
from edge_runtime.errors import BadData, WrongUsage
from edge_runtime.sessions import Store
from edge_runtime.sessions.recovery import Recovered, put_database_away, recover
from edge_runtime.sessions.store.identity import NAME
from edge_runtime.sessions.store.integrity import check_store
from edge_runtime.sessions.store.orphans import quarantined
from edge_runtime.sessions.store.retention import retain
from tests.edge_runtime.sessions.session_tools import MODEL, PLAN, Clock, filled, image, store_in

DATABASE = "sessions.db"


def held(root: Path) -> list[bytes]:
    """Every picture in a store, wherever in it, by content."""
    return sorted(path.read_bytes() for path in root.rglob("*.png"))


def read(pixels: np.ndarray) -> CellResult:
    """A cell of which nothing is known but its first pixel."""
    return CellResult("Uninfected", float(pixels[0, 0, 0]) / 1000, 0.0, False, False)


def recovered(store: Store) -> list[Recovered]:
    return list(recover(store, MODEL, lambda kind: read, "cell"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store of two sessions with three and two pictures."""
    with store_in(tmp_path / "s") as store:
        filled(store, [[0.5], [0.2], [0.9]])
        filled(store, [[0.5], [0.2]], first=10)
    return tmp_path / "s"


@pytest.mark.parametrize("loss", ["gone", "empty"])
def test_a_lost_database_is_said_and_nothing_is_made_or_deleted(root: Path, loss: str) -> None:
    before = held(root)
    (root / DATABASE).unlink()
    if loss == "empty":
        (root / DATABASE).touch()
    state = "is not there" if loss == "gone" else "is empty"
    for _ in range(2):
        with pytest.raises(BadData, match=f"holds 5 pictures, but its database sessions.db {state}.*session recover"):
            store_in(root)
    assert held(root) == before and len(before) == 5
    assert not (root / DATABASE).exists() or (root / DATABASE).stat().st_size == 0


def test_an_older_copy_put_back_loses_no_picture(root: Path, tmp_path: Path) -> None:
    shutil.copy(root / DATABASE, tmp_path / "copy.db")
    with store_in(root) as store:
        newer = filled(store, [[0.5], [0.9]], first=20)
        old = store.sessions()[0]
        store.add_field(old, image(30), _cellless(), MODEL)
    before = held(root)
    for ending in ("-wal", "-shm"):
        (root / f"{DATABASE}{ending}").unlink(missing_ok=True)
    shutil.copy(tmp_path / "copy.db", root / DATABASE)
    with store_in(root) as store:
        assert store.set_aside == 3 and held(root) == before
        assert {path.parent.name for path in quarantined(root)} == {newer.code, old.code}
        outcomes = recovered(store)
        # the old session holds whole fields of the same model, and goes on; the new one is made anew
        assert [one.problem for one in outcomes if one.session == newer.code] == [None, None]
        again = store.session(newer.code)
        assert again.plan.slide == "recovered" and again.plan.participant not in (None, newer.plan.participant)
        assert store.totals(again).cells == 2
    with store_in(root) as store:
        assert store.set_aside == 0


def _cellless() -> Any:
    from tests.edge_runtime.sessions.session_tools import field

    return field([])


def test_another_stores_database_is_refused_and_can_be_looked_at(root: Path, tmp_path: Path) -> None:
    with store_in(tmp_path / "other") as store:
        filled(store, [[0.5]], first=40)
    for path in root.glob(f"{DATABASE}*"):
        path.unlink()
    shutil.copy(tmp_path / "other" / DATABASE, root / DATABASE)
    before = held(root)
    with pytest.raises(BadData, match=f"belongs to the pictures of another store.*{NAME}"):
        store_in(root)
    assert held(root) == before and quarantined(root) == []
    (root / NAME).unlink()  # a person says that they belong together
    with store_in(root) as store:
        assert store.set_aside == 5 and held(root) == before


def test_everything_is_counted_again_where_the_database_is_gone(root: Path) -> None:
    from edge_runtime.sessions.store.opening import open_store

    before = held(root)
    codes = sorted(path.name for path in (root / "images").iterdir())
    (root / DATABASE).write_bytes(b"no database at all, but some bytes")
    away = put_database_away(root)
    assert away is not None and away.read_bytes().startswith(b"no database")
    with open_store(root, anew=True, min_free=0, clock=Clock()) as store:
        assert store.set_aside == 5
        outcomes = recovered(store)
        assert [one.added is not None for one in outcomes] == [True] * 5 and quarantined(root) == []
        assert sorted(session.code for session in store.sessions()) == codes
        assert list(check_store(store)) == []
        with store.reading() as connection:
            camera = connection.execute("SELECT camera FROM fields").fetchone()[0]
        assert '"recovered": true' in camera and "file_written" in camera
    assert held(root) == before


def test_what_cannot_be_read_or_belongs_to_no_session_stays(root: Path) -> None:
    for folder, content in (("S-nonsense", image(50)), (sorted(os.listdir(root / "images"))[0], b"torn")):
        path = root / "images" / folder / "left.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    with store_in(root) as store:
        outcomes = recovered(store)
        assert [type(one.problem).__name__ for one in outcomes] == ["BadImage", "WrongUsage"]
        assert len(quarantined(root)) == 2


def test_what_a_person_removed_is_removed_and_what_was_set_aside_goes_by_its_age(root: Path) -> None:
    aside = root / "quarantine" / "S-2222222" / "old.png"
    aside.parent.mkdir(parents=True)
    aside.write_bytes(image(60))
    os.utime(aside, (1_780_000_000, 1_780_000_000))
    later = Clock(wall=1_800_000_000.0)
    with store_in(root, later) as store:
        dry = retain(store, 30, "images", dry_run=True)
        assert (dry.images, dry.set_aside) == (5, 1) and aside.exists()
        removal = retain(store, 30, "images")
        assert (removal.images, removal.set_aside) == (5, 1)
        assert held(root) == [] and not aside.parent.exists()
        with store.reading() as connection:
            assert connection.execute("SELECT count(*) FROM removals").fetchone()[0] == 0


def test_a_cut_between_rows_and_files_of_a_removal_is_made_good(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with store_in(root, Clock(wall=1_800_000_000.0)) as store:
        monkeypatch.setattr("edge_runtime.sessions.store.retention.finish_removals", lambda store, patience: 0)
        retain(store, 30, "sessions")
        assert len(held(root)) == 5 and store.sessions() == []
    with store_in(root) as store:
        assert held(root) == [] and store.set_aside == 0


def test_only_a_sessions_own_code_makes_it_anew(root: Path) -> None:
    with store_in(root) as store, pytest.raises(WrongUsage, match="no session code"):
        store.new_session(PLAN, "B-12")
