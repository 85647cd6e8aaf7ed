"""Annotated fields read from what laboratories have: our own JSON, COCO JSON, or Pascal VOC XML beside the images."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from edge_runtime.common.text import printable
from edge_runtime.core.images import IMAGE_SUFFIXES
from edge_runtime.errors import BadData

if TYPE_CHECKING:
    from numpy.typing import NDArray

RED_CELL = "red blood cell"
STAGES = ("ring", "trophozoite", "schizont", "gametocyte")
OTHER = ("white blood cell", "leukocyte", "platelet")  # annotated, but no red cells
_ALSO = {"rbc": RED_CELL, "uninfected": RED_CELL, "wbc": "white blood cell", "leucocyte": "leukocyte"}
_FOLDERS = ("images", ".", "fields", "JPEGImages")
_ORIENTATION_TAG = 0x0112
_LEAST = 1.0  # pixels: a box must be wider and higher, and so much of it lie in the picture
_Annotated = tuple[Any, Any]  # what an annotator wrote: a type, and a box of x, y, width, height
_XML_FOLDERS = (".", "Annotations", "annotations")


@dataclass(frozen=True)
class Truth:
    """The annotated cells of one field.

    Attributes:
        path: the image.
        boxes: float64 [n, 4]: x, y, width, height in pixels.
        types: of each cell: "red blood cell", one of :data:`STAGES`, or another word of the annotator.
        left_out: why each annotation that is no usable box was left out.
    """

    path: Path
    boxes: NDArray[np.float64]
    types: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def read_truth(folder: Path) -> list[Truth]:
    """The annotations of a folder, by image name.

    Looked for in this order: ``annotations.json`` (our list, or COCO), any other COCO file ``*.json`` there or in
    ``annotations/``, and VOC files ``*.xml`` there or in ``Annotations/``. Images lie beside them, or in ``images/``,
    ``fields/`` or ``JPEGImages/``. White cells and platelets are left out: they are no red cells. So are boxes that are
    none (of a pixel or less, outside the picture, text for a number ...); these are counted.

    Raises:
        BadData: there are none, or a file does not hold what it should, or not one box can be used.
    """
    found = _found(folder)
    left_out = [reason for truth in found for reason in truth.left_out]
    if left_out and not any(truth.types for truth in found):
        raise BadData(f"Of {len(left_out):,} boxes in {printable(folder)} not one can be used, first {left_out[0]}.")
    return found


def is_annotated(folder: Path) -> bool:
    """Whether there is a file that :func:`read_truth` would read."""
    return bool(_documents(folder) or _voc_files(folder))


def images_of(folder: Path) -> list[Path]:
    """The images of a folder, there or in the first of ``images/``, ``fields/`` and ``JPEGImages/`` that has some."""
    for place in (".", *_FOLDERS):
        inside = folder / place
        found = [path for path in inside.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES] if inside.is_dir() else []
        if found:
            return sorted(found)
    return []


def _documents(folder: Path) -> list[Path]:
    own = folder / "annotations.json"
    if own.exists():
        return [own]
    return [*sorted(folder.glob("*.json")), *sorted((folder / "annotations").glob("*.json"))]


def _voc_files(folder: Path) -> list[Path]:
    return next(filter(None, (sorted((folder / name).glob("*.xml")) for name in _XML_FOLDERS)), [])


def _found(folder: Path) -> list[Truth]:
    documents = _documents(folder)
    if documents:
        return _sorted(truth for document in documents for truth in _from_json(folder, document))
    files = _voc_files(folder)
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
        return [_truth(folder, str(entry["image"]), [_own_cell(cell) for cell in entry["cells"]]) for entry in document]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadData(
            f'{printable(file)} is neither a list of {{"image", "cells": [{{"type", "x", "y", "w", "h"}}]}} nor COCO '
            f"({error!r})."
        ) from error


def _own_cell(cell: Any) -> _Annotated:
    """One cell of our own list; a part that is not there is None."""
    if not isinstance(cell, dict):
        return None, ()
    return cell.get("type"), tuple(cell.get(key) for key in "xywh")


def _from_coco(folder: Path, document: dict[str, Any]) -> list[Truth]:
    """One truth an image of a COCO document; crowds (``iscrowd``) are no single cells and are left out."""
    names = {entry["id"]: str(entry["name"]) for entry in document["categories"]}
    cells: defaultdict[Any, list[_Annotated]] = defaultdict(list)
    for entry in document["annotations"]:
        if not entry.get("iscrowd"):
            cells[entry["image_id"]].append((names.get(entry.get("category_id")), entry.get("bbox")))
    return [_truth(folder, str(image["file_name"]), cells[image["id"]]) for image in document["images"]]


def _from_voc(folder: Path, file: Path) -> Truth:
    content = _read(file)
    try:
        if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
            raise ValueError("it declares a document type")
        root = ElementTree.fromstring(content)
        cells = [(item.findtext("name"), _voc_box(item)) for item in root.iter("object")]
        return _truth(folder, _text(root, "filename"), cells)
    except (ElementTree.ParseError, ValueError) as error:
        raise BadData(f"{printable(file)} is no Pascal VOC annotation ({error}).") from error


def _voc_box(item: ElementTree.Element) -> Sequence[Any]:
    """x, y, width and height of an object; empty where its corners are no numbers."""
    corners = [item.findtext(f"bndbox/{name}") or "" for name in ("xmin", "ymin", "xmax", "ymax")]
    try:
        left, top, right, bottom = map(float, corners)
    except ValueError:
        return corners
    return left, top, right - left, bottom - top


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


def _truth(folder: Path, name: str, cells: Iterable[_Annotated]) -> Truth:
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts:
        raise ValueError(f"the image {name!r} lies outside the folder")
    places = [folder / place / relative for place in _FOLDERS]
    path = next((place for place in places if place.is_file()), places[0])
    size = _size(path)
    kept: list[tuple[str, list[float]]] = []
    left_out = []
    for word, box in cells:
        kind = "cell without a type" if word is None else _kind(word)
        if kind in OTHER:
            continue
        try:
            if word is None:
                raise ValueError("it says no more than a box")
            kept.append((kind, _usable(box, size)))
        except (ValueError, TypeError) as error:
            left_out.append(f"a {kind} in {printable(path.name)}: {error}")
    boxes = np.array([box for _, box in kept], np.float64).reshape(-1, 4)
    return Truth(path, boxes, tuple(kind for kind, _ in kept), tuple(left_out))


def _size(path: Path) -> tuple[float, float]:
    """Width and height of a picture, upright, by its heading; endless where that cannot be read, as reading it says."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            on_its_side = image.getexif().get(_ORIENTATION_TAG, 1) > 4
            return (height, width) if on_its_side else (width, height)
    except (OSError, ValueError, Image.DecompressionBombError):
        return math.inf, math.inf


def _usable(box: Sequence[Any], size: tuple[float, float]) -> list[float]:
    """The box as four numbers.

    Raises:
        ValueError, TypeError: it is none that a cell can fill; the words say why.
    """
    if not isinstance(box, (list, tuple)) or len(box) != 4:
        raise ValueError("it has no box of four numbers")
    try:
        x, y, width, height = values = [float(value) for value in box]
    except (ValueError, TypeError) as error:
        raise ValueError("its box is not of numbers") from error
    if not np.isfinite(values).all():
        raise ValueError("its box is not of finite numbers")
    if min(width, height) <= _LEAST:
        raise ValueError(f"its box is {width:g} x {height:g} pixels")
    inside = min(x + width, size[0]) - max(x, 0), min(y + height, size[1]) - max(y, 0)
    if min(inside) <= _LEAST:
        raise ValueError(f"its box lies outside the picture (x {x:g}, y {y:g})")
    return values


def _kind(word: object) -> str:
    """An annotator's word as we say it."""
    plain = str(word).strip().lower().replace("_", " ").replace("-", " ")
    return _ALSO.get(plain, plain)
