"""Proves a store sound: the database's own checks, and every image's file by its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_runtime.sessions.store.store import Store


def check_store(store: Store) -> Iterator[str]:
    """What is wrong, a sentence each; nothing when all is well."""
    with store.reading() as connection:
        for row in connection.execute("PRAGMA integrity_check"):
            if row[0] != "ok":
                yield f"The database is damaged: {row[0]}."
        for row in connection.execute("PRAGMA foreign_key_check"):
            yield f"A row of {row[0]} belongs to nothing."
        for row in connection.execute("SELECT image, image_sha256 FROM fields WHERE image IS NOT NULL"):
            digest = hashlib.sha256()
            try:
                with open(store.root / row["image"], "rb") as stream:
                    while block := stream.read(1 << 20):
                        digest.update(block)
            except OSError as error:
                yield f"{row['image']} cannot be read: {error.strerror}."
                continue
            if digest.hexdigest() != row["image_sha256"]:
                yield f"{row['image']} was changed: its SHA-256 is not the one of its row."
