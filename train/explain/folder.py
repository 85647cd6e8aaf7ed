"""The folder of explanations: a picture an image as it comes, then the contact sheet and the index."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

from PIL import Image

from edge_runtime.common.files import write_atomically
from edge_runtime.common.text import as_utf8, printable
from edge_runtime.core.images import load_image
from edge_runtime.errors import BadImage, WrongUsage
from train.explain.choose import ChosenImage
from train.explain.colours import fit
from train.explain.explainer import Explainer, Explanation
from train.explain.panel import TITLES, draw_features, draw_panel, headline, is_wrong, tiles
from train.explain.sheet import THUMB, SheetEntry, draw_sheets, index_page, small_strip

_PICTURES = "pictures"
_READING = {
    "gradcam": "Grad-CAM: what the network found and used as evidence for a parasite; less than half a logit "
    "in all stays pale.",
    "saliency": "Saliency: where a slight change of colour would move the verdict most, up or down, on the cell's own "
    "scale; on the black outside the cell it means nothing, since no real image has colour there.",
    "occlusion": "Occlusion: how far the logit falls (orange) or rises (blue) when a patch covers the place; moves of "
    "less than 1 logit stay pale.",
}
_CAUTION = "P is the calibrated probability of a parasite. Heat shows what drives the model, not what a parasite is."


def check_fresh(out: Path) -> None:
    """Raise WrongUsage unless ``out`` is a new or an empty folder."""
    if out.exists() and not out.is_dir():
        raise WrongUsage(f"{printable(out)} is a file; name a new or an empty folder.")
    if out.is_dir() and any(out.iterdir()):
        raise WrongUsage(f"{printable(out)} is not empty; name a new or an empty folder, nothing is overwritten.")


class Folder:
    """Explains images one by one and keeps what the contact sheet needs.

    Each file is written atomically and the index last, so a stop leaves whole pictures and no index.
    """

    def __init__(self, out: Path, explainer: Explainer) -> None:
        self._out, self._explainer = out, explainer
        self._entries: list[SheetEntry] = []
        self._shown: tuple[str, ...] = ()
        self._number = 0

    def add(self, chosen: ChosenImage) -> dict[str, Any]:
        """Explain one image and write its pictures.

        Returns:
            a JSON document: path, group, and either error (kind, message) or label, probability, logit, true_label,
            part, files (relative to the folder), inside (by method) and cell_area.

        Raises:
            OSError: a picture cannot be written.
        """
        document: dict[str, Any] = {"path": as_utf8(chosen.path), "group": chosen.group}
        try:
            if chosen.problem is not None:
                raise chosen.problem
            image = load_image(chosen.path)
        except BadImage as error:
            return document | {"error": {"kind": error.kind, "message": str(error)}}
        explanation = self._explainer(image)
        labels = self._explainer.labels
        self._number += 1
        files = self._write(image, chosen, explanation)
        self._shown = tuple(explanation.heats)
        strip = small_strip([fit(image, THUMB), *(tile.picture for tile in tiles(image, explanation, THUMB))])
        lines = (headline(chosen, explanation, labels), printable(chosen.path.name))
        wrong = is_wrong(chosen, explanation, labels)
        self._entries.append(
            SheetEntry(chosen.group, lines, wrong, strip, _png(strip), files["picture"], files.get("features"))
        )
        return document | {
            "label": explanation.label,
            "probability": explanation.probability,
            "logit": explanation.logit,
            "true_label": None if chosen.truth is None else labels[chosen.truth],
            "part": chosen.part,
            "files": files,
            "inside": explanation.inside,
            "cell_area": explanation.cell_area,
        }

    def _write(self, image: Any, chosen: ChosenImage, explanation: Explanation) -> dict[str, str]:
        (self._out / _PICTURES).mkdir(parents=True, exist_ok=True)
        labels = self._explainer.labels
        stem = f"{_PICTURES}/{self._number:03d}_{re.sub(r'[^A-Za-z0-9._-]+', '_', chosen.path.stem)[:80]}"
        files = {"picture": f"{stem}.png"}
        write_atomically(self._out / files["picture"], _png(draw_panel(image, chosen, explanation, labels)))
        if explanation.features is not None:
            files["features"] = f"{stem}_features.png"
            title = f"First layer: {printable(chosen.path.name)}"
            write_atomically(self._out / files["features"], _png(draw_features(explanation.features, title)))
        return files

    def finish(self) -> None:
        """Write contact_sheet.png (and contact_sheet_2.png, ...) and index.html."""
        title = f"Where {printable(self._explainer.title)} sees a parasite"
        names = []
        for number, sheet in enumerate(draw_sheets(self._entries, title), start=1):
            names.append("contact_sheet.png" if number == 1 else f"contact_sheet_{number}.png")
            write_atomically(self._out / names[-1], _png(sheet))
        kinds = ["the image", *(TITLES[name] for name in self._shown)]
        remarks = [_CAUTION, *(_READING[name] for name in self._shown), *self._explainer.remarks]
        write_atomically(self._out / "index.html", index_page(self._entries, title, remarks, names, kinds))


def _png(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()
