"""Counting sessions: what was seen on a slide, kept so that a power cut or a full disk takes a field at most."""

from edge_runtime.sessions.records import Added, CellRecord, FieldRecord, ModelRecord, Session, SessionPlan, Totals
from edge_runtime.sessions.store.connection import StoreProblem
from edge_runtime.sessions.store.location import default_folder
from edge_runtime.sessions.store.opening import open_existing, open_store
from edge_runtime.sessions.store.store import Store

__all__ = [
    "Added",
    "CellRecord",
    "FieldRecord",
    "ModelRecord",
    "Session",
    "SessionPlan",
    "Store",
    "StoreProblem",
    "Totals",
    "default_folder",
    "open_existing",
    "open_store",
]
