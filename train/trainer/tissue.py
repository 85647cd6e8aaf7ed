"""Optical densities of tissue: what is measured of a cell, and the table of other laboratories to restain cells by.

The table that comes along (``tissue.csv``) holds no pixels: six numbers a cell, measured by

    python -m train.trainer.tissue clean_fields/chula clean_fields/cbc --cells nih_cells/Uninfected --out tissue.csv

on malaria-free fields, read and cut out by the device's own code, and on healthy training cells.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from train.data.tables import read_csv, write_csv

if TYPE_CHECKING:
    from numpy.typing import NDArray

TABLE = Path(__file__).with_name("tissue.csv")
TISSUE = 60.0  # brightest channel of a pixel from which it is cell; at the rim cell and black mix
OWN = "training"  # the laboratory's name of the training cells themselves
# whose cells are in the table, for the card of a model that was restained by them
SOURCES = {
    "chula": "Chula RBC-12, Chula PIC Lab, 2021, MIT licence",
    "cbc": "Complete Blood Count dataset, Md Mahmudul Alam, 2019, MIT licence",
}
_SIDE = 64  # pixels to which a cell is resized before it is measured
_FROM_FIELD, _FROM_TRAINING = 4, 300  # cells measured of each field, and of the training cells
_COLUMNS = ("laboratory", *(f"{what}_{channel}" for what in ("mean", "spread") for channel in "rgb"))


@dataclass(frozen=True)
class Tissue:
    """Other laboratories' healthy cells, n of them, as the device cuts them out.

    Attributes:
        means: float32 [n, 3], mean optical density (natural logarithm) of each channel of a cell.
        spreads: float32 [n, 3], its standard deviation over the cell's pixels.
        own_mean, own_spread: float32 [3], median mean and spread of healthy training cells.
    """

    means: NDArray[np.float32]
    spreads: NDArray[np.float32]
    own_mean: NDArray[np.float32]
    own_spread: NDArray[np.float32]


def density_of(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of optical density over a cell's pixels, float64 [3] each; nan where there are none.

    Args:
        pixels: uint8 [h, w, 3] RGB, black outside the cell.
    """
    inside = pixels[pixels.max(axis=-1) > TISSUE].astype(np.float64)
    if not len(inside):
        return np.full(3, np.nan), np.full(3, np.nan)
    density = -np.log((inside + 1.0) / 256.0)
    return density.mean(axis=0), density.std(axis=0)


@lru_cache(maxsize=8)
def tissue(laboratory: str = "") -> Tissue:
    """The table that comes along.

    Args:
        laboratory: only its cells; "" for those of all other laboratories.
    """
    means, spreads, own = [], [], []
    for row in read_csv(TABLE):
        numbers = [float(row[name]) for name in _COLUMNS[1:]]
        if row["laboratory"] == OWN:
            own.append(numbers)
        elif not laboratory or row["laboratory"] == laboratory:
            means.append(numbers[:3])
            spreads.append(numbers[3:])
    middle = np.median(np.array(own, np.float32), axis=0)
    return Tissue(np.array(means, np.float32), np.array(spreads, np.float32), middle[:3], middle[3:])


def restained_towards(augmentation: Mapping[str, Any]) -> list[str]:
    """Whose cells an augmentation, as ``config.json`` holds it, restains towards: collections with their licences."""
    if not augmentation.get("restain"):  # also that of a run from before there was any
        return []
    chosen = augmentation["restain_from"]
    return [SOURCES[chosen]] if chosen else list(SOURCES.values())


def _of_fields(folder: Path) -> Iterator[NDArray[np.uint8]]:
    """A few cells of each field of a folder, in the colours that the device gives them."""
    from edge_runtime.core.images import load_image
    from edge_runtime.fields import segment
    from edge_runtime.fields.crops import cell_pixels, colour_table
    from edge_runtime.fields.segmentation.scale_bar import without_bar

    for path in sorted(folder.glob("*.jpg")):
        image = load_image(path)
        field = segment(image)
        chosen = np.random.default_rng(0).permutation(len(field.cells))[:_FROM_FIELD]
        clean, colours = without_bar(image, field.work.bar), colour_table(field.stain)
        yield from (cell_pixels(clean, field.cells[k], colours) for k in chosen)


def _of_training(folder: Path) -> Iterator[NDArray[np.uint8]]:
    from edge_runtime.core.images import load_image

    paths = sorted(path for path in folder.iterdir() if path.is_file())
    for k in np.random.default_rng(0).permutation(len(paths))[:_FROM_TRAINING]:
        yield load_image(paths[k])


def main() -> None:
    """Measure the cells of some laboratories and write the table."""
    from edge_runtime.core.card import InputContract
    from edge_runtime.core.preprocess import resize

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fields", nargs="+", type=Path, help="folders of malaria-free fields, one a laboratory")
    parser.add_argument("--cells", required=True, type=Path, help="folder of healthy training cells")
    parser.add_argument("--out", default=TABLE, type=Path)
    options = parser.parse_args()
    contract = InputContract(height=_SIDE, width=_SIDE)
    rows = []
    sources = [(folder.name, _of_fields(folder)) for folder in options.fields]
    for laboratory, cells in (*sources, (OWN, _of_training(options.cells))):
        for cell in cells:
            mean, spread = density_of(resize(cell, contract))
            if np.isfinite(mean).all():
                rows.append((laboratory, *(round(float(value), 3) for value in (*mean, *spread))))
    write_csv(options.out, _COLUMNS, rows)


if __name__ == "__main__":
    main()
