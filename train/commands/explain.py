"""``thinsmear explain``: pictures of where in a cell a model sees a parasite."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.commands.options import cardless_options
from edge_runtime.common.console import emit_json, json_option, note, progress, table, typed, verbosity_options
from edge_runtime.common.text import printable
from edge_runtime.errors import BadData, WrongUsage

if TYPE_CHECKING:
    from edge_runtime.inspection.opening import ModelDescription
    from train.explain.choose import ChosenImage
    from train.explain.folder import Folder


@click.command(
    short_help="Show where in a cell a model sees a parasite.",
    epilog="""\b
Examples:
  thinsmear explain runs/first --out why                 its most and least confident and its wrong test cells
  thinsmear explain runs/first cell.png --out why        this cell, by every method
  thinsmear explain runs/first day1/ --out why --method gradcam --json
  thinsmear explain model.tflite day1/ --out why         a model file: by occlusion only

DIR gets index.html, contact_sheet.png and a picture an image. Exit code 1 when some images could not be read (the
others are done), 2 when there is nothing to work on.""",
)
@click.argument("target", metavar="RUN|MODEL", type=click.Path())
@click.argument("images", metavar="[IMAGES]...", nargs=-1, type=click.Path())
@click.option("--out", metavar="DIR", required=True, type=click.Path(path_type=Path), help="A new or empty folder.")
@click.option(
    "--method",
    default="all",
    show_default=True,
    type=click.Choice(["all", "gradcam", "saliency", "occlusion", "features"]),
    help="Gradients times activations, gradient by pixel, covering patches, or the first layer's maps.",
)
@click.option("--count", default=8, show_default=True, type=click.IntRange(1, 300),
              help="Images a group, when a RUN chooses them.")  # fmt: skip
@click.option("--layer", metavar="NAME", help="Layer of Grad-CAM [last with a value for each 8 pixels].")
@click.option(
    "--fill",
    default="cell",
    show_default=True,
    type=click.Choice(["cell", "grey", "black"]),
    help="What covers in the occlusion check: the cell's own median colour, mid-grey or black.",
)
@click.option("--data", metavar="DIR", type=click.Path(path_type=Path), help="Where a RUN's images lie now.")
@cardless_options
@json_option
@verbosity_options
def explain(
    target: str,
    images: tuple[str, ...],
    out: Path,
    method: str,
    count: int,
    layer: str | None,
    fill: str,
    data: Path | None,
    description: ModelDescription,
    as_json: bool,
) -> None:
    """Explain a model's verdict on cell images: Grad-CAM, saliency, occlusion and first-layer maps.

    RUN is a folder that training wrote; without IMAGES it picks the wrong, the least and the most confident cells of
    its test part. MODEL is a .tflite file, or the name of a model that comes along: it needs IMAGES (files, folders,
    globs) and is explained by occlusion only. Heat shows what drives the model, not what a parasite is.
    """
    from train.explain.choose import choose_test_cells, named_images
    from train.explain.explainer import Wish, open_explainer
    from train.explain.folder import Folder, check_fresh

    check_fresh(out)
    if not images and not Path(target).is_dir():
        raise WrongUsage(
            f"A model file does not know its data; name images: thinsmear explain {printable(target)} IMAGES --out DIR."
        )
    _refuse_idle_options(method, bool(images))
    explainer, run = open_explainer(target, data, Wish(method, layer, fill), description)
    others = 0
    if images:
        chosen, others = named_images(images, run)
    else:
        assert run is not None  # a model file without images has been refused above
        chosen = choose_test_cells(run, count)
    if run is None:
        for remark in explainer.remarks:
            note(remark)
    folder = Folder(out, explainer)
    done, bad = _explain_all(folder, chosen, as_json)
    folder.finish()
    if not as_json:
        click.echo(_summary(done, bad))
    if others:
        note(f"{others} other files in the folders were left out (not images by their ending, or hidden).")
    note(f"Wrote {printable(out / 'index.html')}.")
    if bad:
        click.get_current_context().exit(1)


def _explain_all(folder: Folder, chosen: Sequence[ChosenImage], as_json: bool) -> tuple[list[dict[str, Any]], int]:
    """Documents of the images explained, and how many could not be read.

    Raises:
        BadData: none could.
    """
    done: list[dict[str, Any]] = []
    bad = 0
    with progress(chosen, "Explaining", len(chosen)) as images:
        for image in images:
            document = folder.add(image)
            if "error" in document:
                bad += 1
                if not as_json:
                    click.echo(f"skipped: {document['error']['message']}", err=True)
            else:
                done.append(document)
            if as_json:
                emit_json(document)
    if not done:
        raise BadData(f"None of the {bad} images could be read, so there is nothing to show.")
    return done, bad


def _refuse_idle_options(method: str, with_images: bool) -> None:
    """What would do nothing must not be passed over in silence."""
    idle: dict[str, str] = {}
    if method not in ("all", "gradcam"):
        idle["layer"] = f"has no meaning for --method {method}, only Grad-CAM has a layer"
    if method not in ("all", "occlusion"):
        idle["fill"] = f"has no meaning for --method {method}, only the occlusion check covers"
    if with_images:
        idle["count"] = "has no meaning beside IMAGES, which are all explained"
    given = [
        f"{spelling} {idle[name]}" for name, spelling in typed(click.get_current_context()).items() if name in idle
    ]
    if given:
        raise WrongUsage(f"{'; '.join(given)}; leave {'it' if len(given) == 1 else 'them'} out.")


def _summary(done: list[dict[str, Any]], bad: int) -> str:
    methods = list(done[0]["inside"])
    rows = [
        (
            entry["group"],
            entry["label"],
            f"{entry['probability']:.4f}",
            entry["true_label"] or "-",
            *("-" if entry["inside"][name] is None else f"{entry['inside'][name]:.2f}" for name in methods),
            printable(entry["path"]),
        )
        for entry in done
    ]
    text = table(("group", "label", "score", "labelled", *(f"{name} inside" for name in methods), "image"), rows,
                 right=(2, *range(4, 4 + len(methods))))  # fmt: skip
    share = sum(entry["cell_area"] for entry in done) / len(done)
    lines = [text, ""]
    if methods:
        lines.append(f"inside: share of the heat that lies on the cell; chance would put {share:.2f} there.")
    lines.append(f"{len(done)} {'image' if len(done) == 1 else 'images'} explained." + (
        f" {bad} could not be read." if bad else ""))  # fmt: skip
    return "\n".join(lines)
