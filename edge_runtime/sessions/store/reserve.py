"""Which unsuspected cells of a field an audit is likely to draw: their pictures are kept when it is captured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_runtime.counting import audit_keys, audit_sample

RESERVED = 6  # cells a field; of 24 among 40 fields, more fall on some field once in 7,000 slides


def audit_seed(session: int, digest: str) -> tuple[int, int]:
    """What the random numbers of a field's cells grow from; see :func:`edge_runtime.counting.audit_keys`.

    Args:
        session: row of the session.
        digest: SHA-256 of the field's image, in hexadecimal digits.
    """
    return session, int(digest[:16], 16)


def audit_reserve(session: int, digest: str, suspected: Sequence[bool]) -> tuple[int, ...]:
    """Indices of the cells whose pictures are kept for an audit.

    Args:
        session, digest: as for :func:`audit_seed`.
        suspected: of each cell of the field; those have pictures anyway.
    """
    keys = audit_keys(len(suspected), audit_seed(session, digest))
    return audit_sample(np.where(suspected, np.inf, keys), min(RESERVED, len(suspected) - sum(suspected)))
