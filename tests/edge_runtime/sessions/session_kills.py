"""Kills a process that works on a store, again and again, and proves the store sound each time; prints what it saw.

    python session_kills.py FOLDER KILLS SEED

A program of its own, because it forks: every victim starts with its imports done, so most kills hit it at work.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

import numpy as np
from PIL import Image

from edge_runtime.sessions import CellRecord, FieldRecord, Store, open_store
from edge_runtime.sessions.ranking.answers import PageAnswer, answer_page, undo_page
from edge_runtime.sessions.ranking.grid import next_page
from edge_runtime.sessions.review import give_verdicts
from edge_runtime.sessions.store.integrity import check_store
from edge_runtime.sessions.store.retention import retain
from edge_runtime.sessions.verdicts import Verdict
from tests.edge_runtime.sessions.session_tools import MODEL, PLAN, Clock

PIXELS = np.zeros((60, 60, 3), np.uint8)


def work(folder: Path, seed: int, channel: int) -> None:
    """Add fields, review by cell and by page, and remove until killed; say what is durable only after it was."""
    chance = random.Random(seed)
    clock = Clock()
    with open_store(folder, create=True, min_free=0, clock=clock) as store:
        session = store.new_session(PLAN)
        os.write(channel, b"ready\n")
        while True:
            clock.pass_seconds(1.0)
            what = chance.random()
            number = store.totals(session).fields
            if what < 0.6 or not number:
                content = b"\x89PNG" + chance.randbytes(chance.randrange(100, 60_000))
                cells = tuple(
                    CellRecord(chance.random(), i < 3, i == 0, (i, i, 9, 9)) for i in range(chance.randrange(120))
                )
                store.add_field(session, content, FieldRecord(cells, "field"), MODEL, {}, PIXELS)
                said = f"field {hashlib.sha256(content).hexdigest()}\n"
            elif what < 0.8:
                page = next_page(store, session, "RV", 12)
                if page is None:
                    continue
                names = tuple(cell.name for cell in page.cells)
                key = f"page-{chance.getrandbits(40)}"
                marked = {names[0]: Verdict(names[0], "asexual")}
                answer_page(store, session, PageAnswer(key, "RV", names, marked))
                said = f"page {key} {len(names)}\n"
                if chance.random() < 0.2:
                    os.write(channel, said.encode())
                    undo_page(store, session, "RV", key)
                    said = f"undone {key}\n"
            elif what < 0.9:
                with store.reading() as connection:
                    row = connection.execute("SELECT number FROM fields WHERE session_id = ? AND cells", (session.id,))
                    name = f"{(row.fetchone() or [0])[0]}.1"
                if name == "0.1":
                    continue
                reviewer = f"R{chance.getrandbits(40)}"  # the same verdict of the same reviewer is not kept twice
                give_verdicts(store, session, [Verdict(name, "asexual")], reviewer)
                said = "verdict\n"
            else:
                retain(store, 0.0001)
                said = "removal\n"
            os.write(channel, said.encode())


def kill_one(folder: Path, seed: int) -> list[str]:
    """Start a victim, kill it at a random instant, return what it said."""
    reading, writing = os.pipe()
    victim = os.fork()
    if victim == 0:
        os.close(reading)
        try:
            work(folder, seed, writing)
        finally:
            os._exit(1)  # it must not end by itself
    os.close(writing)
    chance = random.Random(-seed - 1)
    with os.fdopen(reading) as stream:
        if chance.random() < 0.8:  # the others are killed while they open the store
            stream.readline()
        time.sleep(chance.uniform(0.0, 0.4))
        os.kill(victim, signal.SIGKILL)
        said = stream.read().splitlines()
    _, status = os.waitpid(victim, 0)
    assert os.WIFSIGNALED(status), "the victim ended by itself"
    return said


def check_pages(store: Store, pages: dict[str, int], undone: set[str]) -> Iterator[str]:
    """What is wrong with the answered pages: each is there with all its verdicts, and taken back whole or not at all."""
    with store.reading() as connection:
        kept = {
            row["key"]: (row["cells"], row["verdicts"], row["back"], row["undone"])
            for row in connection.execute(
                """SELECT p.key, p.cells, p.undone, count(v.verdict) AS verdicts, count(v.undoes) AS back
                FROM review_pages AS p LEFT JOIN verdicts AS v ON v.page_id = p.id GROUP BY p.id"""
            )
        }
    if not pages.keys() <= kept.keys():
        yield f"{len(pages.keys() - kept.keys())} pages that were said to be answered are lost"
    for key, (cells, verdicts, back, gone) in kept.items():
        if verdicts != cells or back != (cells if gone else 0) or (key in undone and not gone):
            yield f"page {key} of {cells} cells has {verdicts} verdicts, {back} taken back, undone {gone}"
    pages.update({key: cells for key, (cells, *_) in kept.items()})
    undone |= {key for key, (*_, gone) in kept.items() if gone}


def main() -> None:
    folder, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    fields: set[str] = set()
    seen = {"kills": 0, "at_work": 0, "fields": 0, "verdicts": 0, "removals": 0, "strays": 0, "unsaid": 0}
    problems: list[str] = []
    Image.init()
    verdicts = 0
    pages: dict[str, int] = {}
    undone: set[str] = set()
    open_store(folder, create=True, min_free=0).close()
    for number in range(kills):
        said = kill_one(folder, seed + number)
        fields |= {line.split()[1] for line in said if line.startswith("field")}
        verdicts += said.count("verdict")
        pages |= {line.split()[1]: int(line.split()[2]) for line in said if line.startswith("page")}
        undone |= {line.split()[1] for line in said if line.startswith("undone")}
        seen["removals"] += said.count("removal")
        files = {str(path) for path in (folder / "images").rglob("*") if path.is_file()}
        with open_store(folder, min_free=0) as store:
            problems += [f"kill {number}: {problem}" for problem in check_store(store)]
            with store.reading() as connection:
                rows = connection.execute("SELECT image, image_sha256 FROM fields").fetchall()
                kept = connection.execute("SELECT count(*) FROM verdicts WHERE page_id IS NULL").fetchone()[0]
            problems += [f"kill {number}: {problem}" for problem in check_pages(store, pages, undone)]
        stored = {row["image_sha256"] for row in rows}
        named = {str(folder / row["image"]) for row in rows if row["image"] is not None}
        left = {str(path) for path in (folder / "images").rglob("*") if path.is_file()}
        if fields - stored:
            problems.append(f"kill {number}: {len(fields - stored)} fields that were said to be stored are lost")
        if not verdicts <= kept <= verdicts + 1:
            problems.append(f"kill {number}: {kept} verdicts, {verdicts} were said to be stored")
        if left != named:
            problems.append(f"kill {number}: files and rows differ in {len(left ^ named)}")
        if len(stored) > len(fields) + 1:
            problems.append(f"kill {number}: {len(stored) - len(fields)} fields were in flight at once")
        unsaid = len(stored - fields)  # done, but killed before it could say so
        seen["unsaid"] += unsaid
        seen["strays"] += bool(files - left)
        seen["at_work"] += bool(said or unsaid or files - left)
        fields, verdicts = stored, kept
        seen["kills"] += 1
    seen["fields"], seen["verdicts"], seen["pages"], seen["undone"] = len(fields), verdicts, len(pages), len(undone)
    print(json.dumps({**seen, "problems": problems}))


if __name__ == "__main__":
    main()
