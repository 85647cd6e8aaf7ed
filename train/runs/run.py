"""A run directory: everything needed to understand, evaluate, convert or continue one training."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.core.card import InputContract, OperatingPoints, OutputContract
from edge_runtime.errors import BadData, BadModel, WrongUsage
from train.data.dataset import Cells
from train.data.tables import read_csv, write_csv

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Run:
    """A finished (or interrupted) training.

    Attributes:
        path: the run directory.
        config: what it was trained with: architecture, data, recipe, augmentation, versions.
        contract: how pixels become the model's input.
        cells: the images, in the order of the split.
        parts: str [n], "train", "val" or "test".
    """

    path: Path
    config: Mapping[str, Any]
    contract: InputContract
    cells: Cells
    parts: np.ndarray

    @classmethod
    def open(cls, path: Path, data: Path | None = None) -> Run:
        """Read a run directory.

        Args:
            data: where the images lie now, when they have moved since.

        Raises:
            WrongUsage: no run directory.
            BadData: its files are damaged or contradict each other.
        """
        if not (path / "config.json").is_file():
            raise WrongUsage(f"{path} is not a run directory (it has no config.json); make one with `thinsmear train`.")
        try:
            config = json.loads((path / "config.json").read_text(encoding="utf-8"))
            contract = InputContract(**_tuples(config["input"]))
            root = data or Path(config["data"]["root"])
            cells, parts = read_split(path / "split.csv", root)
        except (OSError, ValueError, KeyError, TypeError, csv.Error, BadModel) as error:
            raise BadData(f"The run directory {path} is damaged: {error}.") from error
        if split_hash(cells, parts) != config["data"]["split_sha256"]:
            raise BadData(f"The split in {path}/split.csv was changed after training (its SHA-256 differs).")
        return cls(path, config, contract, cells, parts)

    def indices(self, *wanted: str) -> np.ndarray:
        """int [k], positions of the images of these parts, ascending."""
        return np.flatnonzero(np.isin(self.parts, wanted))

    @property
    def finished(self) -> bool:
        """Whether the training ended and left a model."""
        return (self.path / "model.keras").is_file()

    def model(self) -> keras.Model:
        """The trained network: normalised float32 [n, h, w, 3] to the logit [n, 1].

        Raises:
            WrongUsage: the training has not finished.
            BadData: the model file is damaged.
        """
        if not self.finished:
            raise WrongUsage(f"{self.path} holds no model yet; continue with `thinsmear train --resume {self.path}`.")
        import keras

        try:
            return keras.models.load_model(self.path / "model.keras", compile=False, safe_mode=True)
        except (ValueError, OSError, KeyError) as error:
            raise BadData(f"The model in {self.path} cannot be read: {str(error).splitlines()[0]}") from error

    def _calibration(self) -> Mapping[str, Any]:
        try:
            return json.loads((self.path / "calibration.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise BadData(f"The calibration in {self.path} is damaged: {error}.") from error

    @property
    def output(self) -> OutputContract:
        """The calibration of the float model, fitted on validation patients."""
        return OutputContract(**self._calibration().get("output", {}))

    @property
    def points(self) -> OperatingPoints:
        """The operating points of the float model."""
        return OperatingPoints(**self._calibration().get("operating_points", {}))

    @property
    def points_from(self) -> str:
        """In words, whose scores the operating points were chosen on."""
        return str(self._calibration().get("points_from", "validation patients"))

    def metrics(self) -> Mapping[str, Any]:
        """``metrics.json``, or an empty mapping when the run was not evaluated."""
        path = self.path / "metrics.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def write_split(path: Path, cells: Cells, parts: np.ndarray) -> None:
    """``split.csv``: path, label, patient, part of every image."""
    patients = cells.patients or ("",) * len(cells)
    write_csv(
        path,
        ("path", "label", "patient", "part"),
        zip(cells.paths, (int(label) for label in cells.labels), patients, parts, strict=True),
    )


def read_split(path: Path, root: Path) -> tuple[Cells, np.ndarray]:
    """The images of a run in their order, and the part of each."""
    rows = read_csv(path)
    if not rows:
        raise BadData(f"{path} lists no images.")
    patients = tuple(row["patient"] for row in rows)
    cells = Cells(
        root=root,
        paths=tuple(row["path"] for row in rows),
        labels=np.array([int(row["label"]) for row in rows], np.int8),
        patients=patients if all(patients) else None,
    )
    return cells, np.array([row["part"] for row in rows])


def split_hash(cells: Cells, parts: np.ndarray) -> str:
    """SHA-256 of which image, label and patient lies in which part."""
    patients = cells.patients or ("",) * len(cells)
    lines = (f"{p}\t{int(label)}\t{who}\t{part}\n" for p, label, who, part in
             zip(cells.paths, cells.labels, patients, parts, strict=True))  # fmt: skip
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def patients_hash(patients: tuple[str, ...] | None, parts: np.ndarray) -> str | None:
    """SHA-256 of the sorted patient lists of the parts: shows whether two models saw the same patients."""
    if patients is None:
        return None
    pairs = sorted({f"{part}\t{patient}" for patient, part in zip(patients, parts, strict=True)})
    return hashlib.sha256("\n".join(pairs).encode("utf-8", "surrogateescape")).hexdigest()


def _tuples(section: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in section.items()}
