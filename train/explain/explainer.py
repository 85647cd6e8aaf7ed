"""One image in, everything that is known about the model's answer to it out: of a run's network or a model file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from edge_runtime.core.card import LABELS
from edge_runtime.core.classifier import Classifier
from edge_runtime.core.decision import decide, probability
from edge_runtime.core.preprocess import normalise, resize
from edge_runtime.errors import WrongUsage
from train.explain.cell_mask import cell_mask, share_inside
from train.explain.occlusion import occlusion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.inspection.opening import ModelDescription
    from train.runs.run import Run

METHODS = ("gradcam", "saliency", "occlusion", "features")


@dataclass(frozen=True)
class Explanation:
    """The model's answer to one image, and where it comes from.

    Attributes:
        label: what the model calls it.
        probability: calibrated P(parasitized), 0..1.
        logit: before calibration.
        heats: by method, float32 [H, W] at the model's size: "gradcam" and "saliency" not negative, "occlusion" in
            logits with a sign.
        features: first-layer maps, float32 [rows, columns, channels], or None.
        inside: by method, the share of the heat that lies on the cell, None where there is no heat.
        cell_area: share of the image that the cell covers; heat strewn at random has this much inside.
    """

    label: str
    probability: float
    logit: float
    heats: dict[str, NDArray[np.float32]]
    features: NDArray[np.float32] | None
    inside: dict[str, float | None]
    cell_area: float


@dataclass(frozen=True)
class Wish:
    """What to look at, and how.

    Attributes:
        method: "all" or one of :data:`METHODS`.
        layer: of Grad-CAM; None for the default.
        fill: of the occlusion; see :func:`train.explain.occlusion.occlusion`.
    """

    method: str = "all"
    layer: str | None = None
    fill: str = "cell"

    def wants(self, method: str) -> bool:
        """Whether this method was asked for."""
        return self.method in ("all", method)


class Explainer(Protocol):
    """Something that explains images.

    Attributes:
        title: what is explained, for headings.
        labels: (negative, positive).
        remarks: what a reader must know about how it was done.
    """

    title: str
    labels: tuple[str, str]
    remarks: list[str]

    def __call__(self, image: NDArray[np.uint8]) -> Explanation:
        """Explain one image, uint8 [h, w, 3] RGB of any size."""


class RunExplainer:
    """Explains the float network of a run, by every method."""

    def __init__(self, run: Run, wish: Wish) -> None:
        """Load the network.

        Raises:
            WrongUsage: the training has not finished, or the network lacks what the method needs.
        """
        import tensorflow as tf

        from train.explain.feature_maps import FirstMaps
        from train.explain.gradcam import GradCam

        self.labels = LABELS
        self.title = f"the network of {run.path.name or run.path}"
        self.remarks: list[str] = []
        self._contract, self._output, self._points, self._wish = run.contract, run.output, run.points, wish
        model = self._model = run.model()
        self._cam = GradCam(model, run.contract, wish.layer) if wish.wants("gradcam") else None
        self._maps = FirstMaps(model, run.contract) if wish.wants("features") else None
        if self._cam is not None:
            rows, columns = self._cam.grid
            self.remarks.append(f"Grad-CAM (element-wise, HiResCAM) at layer {self._cam.layer}, {rows} x {columns}.")
        if self._maps is not None:
            self.remarks.append(f"Feature maps of layer {self._maps.layer}.")
        self._forward = tf.function(lambda images: model(images, training=False), reduce_retracing=True)

    def __call__(self, image: NDArray[np.uint8]) -> Explanation:
        """Explain one image, uint8 [h, w, 3] RGB of any size."""
        from train.explain.smoothgrad import smoothgrad

        contract = self._contract
        pixels = resize(image, contract)
        heats = {}
        if self._cam is not None:
            heats["gradcam"] = self._cam(pixels[np.newaxis])[0]
        if self._wish.wants("saliency"):
            heats["saliency"] = smoothgrad(self._model, contract, pixels)
        if self._wish.wants("occlusion"):
            heats["occlusion"] = occlusion(self._logits, pixels, self._wish.fill)
        features = None if self._maps is None else self._maps(pixels)
        logit = float(self._logits(pixels[np.newaxis])[0])
        value = probability(logit, self._output.temperature, self._output.bias)
        return _explanation(decide(value, self._points).label, value, logit, heats, features, pixels)

    def _logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        return np.asarray(self._forward(normalise(pixels, self._contract)), np.float64)[:, 0]


class ModelExplainer:
    """Explains a model file, through the classifier of the device and by occlusion only."""

    def __init__(self, classifier: Classifier, wish: Wish) -> None:
        """Say what is possible.

        Raises:
            WrongUsage: a method that needs gradients.
        """
        if not wish.wants("occlusion"):
            raise WrongUsage(
                f"A .tflite file gives no gradients and no inner maps, so --method {wish.method} needs the RUN it was "
                "converted from; use --method occlusion."
            )
        self.labels = classifier.labels
        self.title = f"the model file {classifier.model.path.name}"
        self.remarks = ["A .tflite file gives no gradients and no inner maps: explained by occlusion only."]
        self._classifier, self._wish = classifier, wish

    def __call__(self, image: NDArray[np.uint8]) -> Explanation:
        """Explain one image, uint8 [h, w, 3] RGB of any size."""
        pixels = resize(image, self._classifier.contract)
        result = self._classifier.classify(image)
        heats = {"occlusion": occlusion(self._classifier.logits, pixels, self._wish.fill)}
        return _explanation(result.label, result.probability, result.logit, heats, None, pixels)


def open_explainer(
    target: str, data: Path | None, wish: Wish, description: ModelDescription
) -> tuple[Explainer, Run | None]:
    """The explainer of a run directory, or of a model file or a shipped model's name.

    Args:
        data: where a run's images lie now.
        description: of a model without a card.

    Raises:
        WrongUsage: neither, or options that belong to the other kind.
        BadModel, BadData: it is damaged.
        EnvironmentLacks: a run without TensorFlow.
    """
    if Path(target).is_dir():
        if description:
            raise WrongUsage("A RUN knows its labels and its input; leave --labels, --positive and --input-range out.")
        from train.network.tensorflow_setup import require_tensorflow
        from train.runs.run import Run

        run = Run.open(Path(target), data)
        require_tensorflow()
        return RunExplainer(run, wish), run
    if data is not None or wish.layer is not None:
        raise WrongUsage("--data and --layer belong to a RUN; a model file has neither data nor layers to name.")
    from edge_runtime.inspection.opening import open_classifier

    return ModelExplainer(open_classifier(target, description=description), wish), None


def _explanation(
    label: str,
    value: float,
    logit: float,
    heats: dict[str, NDArray[np.float32]],
    features: NDArray[np.float32] | None,
    pixels: NDArray[np.uint8],
) -> Explanation:
    mask = cell_mask(pixels)
    inside = {name: share_inside(heat, mask) for name, heat in heats.items()}
    return Explanation(label, value, logit, heats, features, inside, float(mask.mean()))
