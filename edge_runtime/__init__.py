"""Malaria cell classification on small computers: what a program of your own may use stands in ``__all__``.

Names are imported when they are first asked for, so that ``import edge_runtime`` costs nothing. Whatever is not listed
here may change with any release.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_runtime.cameras import Camera, CameraFault, EndOfStream, Frame, Pace, open_camera
    from edge_runtime.core.card import Card
    from edge_runtime.core.classifier import CellResult, Classifier
    from edge_runtime.core.images import load_image
    from edge_runtime.core.model_file import ModelFile, open_model
    from edge_runtime.errors import (
        BadData,
        BadImage,
        BadModel,
        EnvironmentLacks,
        GateFailed,
        NotConclusive,
        ThinsmearError,
        WrongUsage,
    )
    from edge_runtime.fields.objects import FieldObject
    from edge_runtime.fields.reader import FieldReader, FieldResult
    from edge_runtime.inspection.opening import ModelDescription, open_classifier
    from edge_runtime.sessions.store.opening import open_existing, open_store
    from edge_runtime.sessions.store.store import Store

__version__ = "0.1.0"

__all__ = [
    "BadData",
    "BadImage",
    "BadModel",
    "Camera",
    "CameraFault",
    "Card",
    "CellResult",
    "Classifier",
    "EndOfStream",
    "EnvironmentLacks",
    "FieldObject",
    "FieldReader",
    "FieldResult",
    "Frame",
    "GateFailed",
    "ModelDescription",
    "ModelFile",
    "NotConclusive",
    "Pace",
    "Store",
    "ThinsmearError",
    "WrongUsage",
    "__version__",
    "load_image",
    "open_camera",
    "open_classifier",
    "open_existing",
    "open_model",
    "open_store",
]

_HOMES = {
    "edge_runtime.cameras": ("Camera", "CameraFault", "EndOfStream", "Frame", "Pace", "open_camera"),
    "edge_runtime.core.card": ("Card",),
    "edge_runtime.core.classifier": ("CellResult", "Classifier"),
    "edge_runtime.core.images": ("load_image",),
    "edge_runtime.core.model_file": ("ModelFile", "open_model"),
    "edge_runtime.errors": (
        "BadData", "BadImage", "BadModel", "EnvironmentLacks", "GateFailed", "NotConclusive", "ThinsmearError",
        "WrongUsage",
    ),
    "edge_runtime.fields.objects": ("FieldObject",),
    "edge_runtime.fields.reader": ("FieldReader", "FieldResult"),
    "edge_runtime.inspection.opening": ("ModelDescription", "open_classifier"),
    "edge_runtime.sessions.store.opening": ("open_existing", "open_store"),
    "edge_runtime.sessions.store.store": ("Store",),
}  # fmt: skip

if not TYPE_CHECKING:  # or a type checker would take any name for one of ours

    def __getattr__(name: str) -> object:
        """A public name, from the module it lives in (PEP 562)."""
        for home, names in _HOMES.items():
            if name in names:
                found = globals()[name] = getattr(import_module(home), name)
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
