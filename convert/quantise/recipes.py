"""The ways a model can be made smaller, by name; a recipe is data, :mod:`convert.quantise.quantizer` carries it out."""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.errors import WrongUsage

CPU, EDGETPU = "cpu", "edgetpu"
TARGETS = (CPU, EDGETPU)


@dataclass(frozen=True)
class QuantisationRecipe:
    """One way to convert.

    Attributes:
        name: what ``--recipe`` takes.
        summary: what it does and when to choose it, one line.
        weights: type in which weights are stored, "float32", "float16" or "int8".
        activations: type in which the operators compute, "float32", "int8" or "int16".
        io: type of the input and output tensor.
        targets: machines that can run it.
        mixed: the operators that lose most are kept in float.
    """

    name: str
    summary: str
    weights: str
    activations: str
    io: str
    targets: tuple[str, ...] = (CPU,)
    mixed: bool = False

    @property
    def calibrated(self) -> bool:
        """Whether representative images are needed: to find the ranges of activations, or to correct biases."""
        return self.weights == "int8"


RECIPES = {
    recipe.name: recipe
    for recipe in (
        QuantisationRecipe("float32", "no loss, the size of the trained model; the reference",
                           "float32", "float32", "float32"),
        QuantisationRecipe("float16", "half the size, computes in float32; next to no loss",
                           "float16", "float32", "float32"),
        QuantisationRecipe("dynamic", "int8 weights, activations quantised while running; a quarter of the size",
                           "int8", "float32", "float32"),
        QuantisationRecipe("int8", "everything int8, pixels in as uint8; smallest and quickest, the default",
                           "int8", "int8", "uint8", TARGETS),
        QuantisationRecipe("int8-int8io", "as int8, with int8 input and output, for runtimes that take no uint8",
                           "int8", "int8", "int8", TARGETS),
        QuantisationRecipe("int16x8", "int8 weights, int16 activations; nearly no loss, slow on most processors",
                           "int8", "int16", "int16"),
        QuantisationRecipe("int8-mixed", "as int8, with the operators that lose most kept in float; found by itself",
                           "int8", "int8", "uint8", mixed=True),
    )
}  # fmt: skip
DEFAULT = "int8"


def find(name: str, target: str = CPU) -> QuantisationRecipe:
    """The recipe of that name.

    Raises:
        WrongUsage: no such recipe, or the target cannot run it.
    """
    if name not in RECIPES:
        raise WrongUsage(f"There is no recipe {name!r}; there are {', '.join(RECIPES)}.")
    recipe = RECIPES[name]
    if target not in recipe.targets:
        able = ", ".join(other.name for other in RECIPES.values() if target in other.targets)
        raise WrongUsage(f"The recipe {name} does not run on the target {target}; choose one of {able}.")
    return recipe
