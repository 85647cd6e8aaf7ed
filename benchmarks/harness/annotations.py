"""Annotated fields read from what laboratories have: our own JSON, COCO JSON, or Pascal VOC XML beside the images."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from edge_runtime.common.text import printable
from edge_runtime.errors import BadData

if TYPE_CHECKING:
    from numpy.typing import NDArray

RED_CELL = "red blood cell"
STAGES = ("ring", "trophozoite", "schizont", "gametocyte")
OTHER = ("white blood cell", "leukocyte", "platelet")  # annotated, but no red cells
_ALSO = {"rbc": RED_CELL, "uninfected": RED_CELL, "wbc": "white blood cell", "leucocyte": "leukocyte"}
_FOLDERS = ("images", ".", "fields", "JPEGImages")
_XML_FOLDERS = (".", "Annotations", "annotations")


@dataclass(frozen=True)
class Truth:
    """The annotated cells of one field.

    Attributes:
        path: the image.
        boxes: float64 [n, 4]: x, y, width, height in pixels.
        types: of each cell: "red blood cell", one of :data:`STAGES`, or another word of the annotator.
    """

    path: Path
    boxes: NDArray[np.float64]
    types: tuple[str, ...]


def read_truth(folder: Path) -> list[Truth]:
    """The annotations of a folder, by image name.

    Looked for in this order: ``annotations.json`` (our list, or COCO), any other COCO file ``*.json`` there or in
    ``annotations/``, and VOC files ``*.xml`` there or in ``Annotations/``. Images lie beside them, or in ``images/``,
    ``fields/`` or ``JPEGImages/``. White cells and platelets are left out: they are no red cells.

    Raises:
        BadData: there are none, or a file does not hold what it should.
    """
    own = folder / "annotations.json"
    if own.exists():
        return _sorted(_from_json(folder, own))
    documents = [*sorted(folder.glob("*.json")), *sorted((folder / "annotations").glob("*.json"))]
    if documents:
        return _sorted(truth for document in documents for truth in _from_json(folder, document))
    for name in _XML_FOLDERS:
        files = sorted((folder / name).glob("*.xml"))
        if files:
            return _sorted(_from_voc(folder, file) for file in files)
    raise BadData(
        f"{printable(folder)} holds no annotations.json, no COCO *.json and no VOC *.xml; name the fields' folder."
    )


def _sorted(found: Iterable[Truth]) -> list[Truth]:
    return sorted(found, key=lambda truth: truth.path.name)


def _from_json(folder: Path, file: Path) -> list[Truth]:
    try:
        document = json.loads(_read(file))
    except ValueError as error:
        raise BadData(f"{printable(file)} is no JSON ({error}); write it again.") from error
    try:
        if isinstance(document, dict):
            return _from_coco(folder, document)
        return [
            _truth(
                folder, str(entry["image"]), [(cell["type"], [cell[key] for key in "xywh"]) for cell in entry["cells"]]
            )
            for entry in document
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadData(
            f'{printable(file)} is neither a list of {{"image", "cells": [{{"type", "x", "y", "w", "h"}}]}} nor COCO '
            f"({error!r})."
        ) from error


def _from_coco(folder: Path, document: dict[str, Any]) -> list[Truth]:
    """One truth an image of a COCO document; crowds (``iscrowd``) are no single cells and are left out."""
    names = {entry["id"]: str(entry["name"]) for entry in document["categories"]}
    cells: defaultdict[Any, list[tuple[str, Sequence[Any]]]] = defaultdict(list)
    for entry in document["annotations"]:
        if not entry.get("iscrowd"):
            cells[entry["image_id"]].append((names[entry["category_id"]], entry["bbox"]))
    return [_truth(folder, str(image["file_name"]), cells[image["id"]]) for image in document["images"]]


def _from_voc(folder: Path, file: Path) -> Truth:
    content = _read(file)
    try:
        if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
            raise ValueError("it declares a document type")
        root = ElementTree.fromstring(content)
        cells = []
        for item in root.iter("object"):
            box = item.find("bndbox")
            if box is None:
                raise ValueError("an object has no bndbox")
            left, top, right, bottom = (float(_text(box, name)) for name in ("xmin", "ymin", "xmax", "ymax"))
            cells.append((_text(item, "name"), [left, top, right - left, bottom - top]))
        return _truth(folder, _text(root, "filename"), cells)
    except (ElementTree.ParseError, ValueError) as error:
        raise BadData(f"{printable(file)} is no Pascal VOC annotation ({error}).") from error


def _text(parent: ElementTree.Element, name: str) -> str:
    value = parent.findtext(name)
    if value is None:
        raise ValueError(f"there is no {name} in {parent.tag}")
    return value.strip()


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadData(f"{printable(file)} cannot be read ({error.strerror}).") from error


def _truth(folder: Path, name: str, cells: Iterable[tuple[str, Sequence[Any]]]) -> Truth:
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts:
        raise ValueError(f"the image {name!r} lies outside the folder")
    places = [folder / place / relative for place in _FOLDERS]
    path = next((place for place in places if place.is_file()), places[0])
    kept = [(_kind(kind), [float(value) for value in box]) for kind, box in cells]
    kept = [(kind, box) for kind, box in kept if kind not in OTHER]
    boxes = np.array([box for _, box in kept], np.float64).reshape(-1, 4)
    if not np.isfinite(boxes).all() or (boxes[:, 2:] <= 0).any():
        raise ValueError(f"a box of {name!r} has no size")
    return Truth(path, boxes, tuple(kind for kind, _ in kept))


def _kind(word: object) -> str:
    """An annotator's word as we say it."""
    plain = str(word).strip().lower().replace("_", " ").replace("-", " ")
    return _ALSO.get(plain, plain)
