"""What a report is about, in names and values: a run or a model file, what it learnt from and what it is judged on."""

from __future__ import annotations

import contextlib
import csv
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from edge_runtime import __version__
from edge_runtime.common.text import as_utf8, printable
from edge_runtime.core.card import Card, InputContract
from edge_runtime.core.model_file import ModelFile
from train.architectures import NAMES, find
from train.data.dataset import Cells
from train.report.report import ReportHeader

if TYPE_CHECKING:
    from train.runs.run import Run

_NOT_STATED = "not stated"


def run_header(run: Run, cells: Cells, part: str) -> ReportHeader:
    """What the report of a run's ``part`` is about."""
    name, recipe = run.path.resolve().name, _recipe(run.config)
    if run.config.get("teacher_weight") is not None:
        recipe += f", soft targets of a teacher with weight {run.config['teacher_weight']:g}"
    return ReportHeader(
        title=f"Evaluation of {printable(name)}, {_whose(part)}",
        model={
            "Run": as_utf8(name),
            **_details(run.config, recipe, run.config.get("versions")),
            "Input": _size(run.contract),
        },
        data=_data(cells, part),
        trained_on=_trained_on(run.config.get("data")),
        training=_flat(run.config),
        history=_history(run.path / "history.csv"),
        tools=_tools("tensorflow", "keras"),
    )


def model_header(model: ModelFile, card: Card, backend: tuple[str, str], cells: Cells, part: str) -> ReportHeader:
    """What the report of a model file is about; ``backend`` is name and version of what ran it."""
    training = card.details.get("training")
    training = training if isinstance(training, Mapping) else {}
    return ReportHeader(
        title=f"Evaluation of {printable(model.path.name)}, {_whose(part)}",
        model={
            "File": as_utf8(model.path.name),
            "SHA-256": model.sha256,
            "Size": f"{model.path.stat().st_size:,} bytes",
            **_details(card.details, _recipe(training), card.details.get("tools")),
            "Input": _size(card.input),
        },
        data=_data(cells, part),
        trained_on=_trained_on(training),
        tools=_tools() | dict([backend]),
    )


def _details(details: Mapping[str, Any], recipe: str, tools: Any) -> dict[str, Any]:
    """What the form of a model card asks for, as far as a run's configuration or a model's card has it."""
    network = details.get("network")
    found = {
        "Name": details.get("name"),
        "Architecture": details.get("architecture", _NOT_STATED),
        "Width": network.get("alpha") if isinstance(network, Mapping) else None,
        "Quantisation": details.get("recipe"),
        "Date": details.get("created", _NOT_STATED),
        "Version": _versions(tools),
        "Starting weights": _starting_weights(network),
        "Recipe": recipe or _NOT_STATED,
        "Licence": details.get("licence", _NOT_STATED),
        "Contact": details.get("contact", _NOT_STATED),
    }
    return {title: value for title, value in found.items() if isinstance(value, (str, int, float))}


def _starting_weights(network: Any) -> str:
    if not isinstance(network, Mapping) or "weights" not in network:
        return _NOT_STATED
    weights, arch = network["weights"], network.get("arch")
    if weights is None or (arch in NAMES and not find(arch).pretrained):
        return "none, trained from random ones"
    return "ImageNet, those of Keras" if weights == "imagenet" else as_utf8(PurePath(str(weights)).name)


def _versions(tools: Any) -> str:
    """Versions of what made a model, thinsmear and its commit first."""
    if not isinstance(tools, Mapping):
        return _NOT_STATED
    rest = {name: version for name, version in tools.items() if name not in ("thinsmear", "git")}
    first = {"thinsmear": tools.get("thinsmear", _NOT_STATED), "commit": tools.get("git", _NOT_STATED)}
    return ", ".join(f"{name} {version}" for name, version in (first | rest).items())


def _recipe(training: Mapping[str, Any]) -> str:
    recipe = training.get("recipe")
    if not isinstance(recipe, Mapping):
        return ""
    if not recipe.get("last_layers"):  # without frozen layers nothing looks ahead
        recipe = {key: value for key, value in recipe.items() if key != "looks"}
    return _words(recipe)


def _words(settings: Mapping[str, Any]) -> str:
    """Settings as one line; what is off is left out, and a switch that is on is its name alone."""
    said = []
    for key, value in settings.items():
        name = key.replace("_", " ")
        if isinstance(value, Mapping):
            said.append(f"{name} ({_words(value) or 'none'})")
        elif value is True:
            said.append(name)
        elif value or key == "seed":
            said.append(f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}")
    return ", ".join(said)


def _whose(part: str) -> str:
    return "all cells" if part == "all" else f"{part} part"


def _size(contract: InputContract) -> str:
    return (
        f"{contract.width} x {contract.height}, {contract.channels}, {contract.fit} with a {contract.resample} filter"
    )


def _data(cells: Cells, part: str) -> dict[str, Any]:
    """The cells evaluated; of their place the folder's name alone, since a report travels."""
    return {
        "Collection": as_utf8(cells.root.absolute().name),
        "Part evaluated": part,
        "Images": f"{len(cells):,}",
        "Classes": _classes(len(cells), int(cells.labels.sum())),
        "Sizes": _sizes(cells),
        "Patients": "not known" if cells.patients is None else len(set(cells.patients)),
        "Fingerprint": cells.fingerprint,
        **_left_out(cells),
    }


def _left_out(cells: Cells) -> dict[str, str]:
    """How many images of the data are none of the cells, and why; nothing when all are."""
    words = {
        "copies": "byte-equal copies",
        "contradictory": "images under both labels",
        "unlabelled": "images in folders that name no class",
        "unnamed": "images without a patient",
    }
    found = [f"{cells.left_out[key]:,} {what}" for key, what in words.items() if cells.left_out.get(key)]
    return {"Left out": ", ".join(found)} if found else {}


def _classes(cells: int, parasitized: Any) -> str:
    if not isinstance(parasitized, int):
        return "classes not stated"
    return f"{parasitized:,} parasitized, {cells - parasitized:,} uninfected"


def _sizes(cells: Cells) -> str:
    """How large the images are, from their headers."""
    found = []
    for file in cells.files():
        with contextlib.suppress(OSError), Image.open(file) as image:
            found.append(image.size)
    if not found:
        return "not known"
    (narrow, low), (wide, high) = np.min(found, axis=0), np.max(found, axis=0)
    if (narrow, low) == (wide, high):
        return f"{wide} x {high} pixels"
    return f"{narrow} to {wide} pixels wide, {low} to {high} high"


def _trained_on(training: Any) -> dict[str, Any]:
    """What a run's configuration or a model's card says of the training data; empty when it says nothing."""
    if not isinstance(training, Mapping):
        return {}
    found = {}
    if isinstance(training.get("root"), str):
        found["Collection"] = as_utf8(PurePath(training["root"]).name)
    if isinstance(training.get("species"), str):
        found["Species"] = training["species"]
    parts = training.get("parts")
    for key, title in (("train", "Learnt from"), ("val", "Chosen on"), ("test", "Kept for test")):
        part = parts.get(key) if isinstance(parts, Mapping) else None
        if isinstance(part, Mapping) and isinstance(part.get("images"), int):
            patients = part.get("patients")
            who = "patients not known" if patients is None else f"{patients} patients"
            found[title] = f"{part['images']:,} cells ({_classes(part['images'], part.get('parasitized'))}), {who}"
    if isinstance(training.get("split_by"), str):
        found["Split by"] = training["split_by"]
    hashes = {
        "split_sha256": "SHA-256 of the split",
        "fingerprint": "Fingerprint of all images",
        "dataset_sha256": "Fingerprint of all images",
    }
    found |= {title: training[key] for key, title in hashes.items() if isinstance(training.get(key), str)}
    return found


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one list of dotted names; long lists are left to config.json, and of paths all but the end."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        elif isinstance(value, str) and PurePath(value).is_absolute():
            flat[f"{prefix}{key}"] = PurePath(value).name
        elif not isinstance(value, (list, tuple)) or len(value) <= 4:
            flat[f"{prefix}{key}"] = value
    return flat


def _history(path: Path) -> dict[str, list[float | None]]:
    """Columns of a training history; cells that are no numbers become None."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    except FileNotFoundError:
        return {}
    return {name: [_number(row[name]) for row in rows] for name in (rows[0] if rows else ())}


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _tools(*modules: str) -> dict[str, str]:
    loaded = {name: str(sys.modules[name].__version__) for name in ("numpy", *modules) if name in sys.modules}
    now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return {"thinsmear": __version__, **loaded, "on": now}
