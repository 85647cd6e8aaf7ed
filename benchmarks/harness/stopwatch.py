"""Times the inferences inside the program from the outside: stands where the classifier's interpreter stood."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.core.backends import Interpreter

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Stopwatch:
    """Stands between the classifier and its interpreter and notes when each inference began and ended.

    Attributes:
        began, ended: of the last inference, nanoseconds of ``time.perf_counter_ns``.
        tensor, answer: its input and output.
    """

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self.name, self.input, self.output = interpreter.name, interpreter.input, interpreter.output
        self.began = self.ended = 0
        self.tensor: NDArray[Any] = np.empty(0)
        self.answer: NDArray[Any] = np.empty(0)

    @property
    def version(self) -> str:
        return self._interpreter.version

    def run(self, batch: NDArray[Any]) -> NDArray[Any]:
        self.began = time.perf_counter_ns()
        self.answer = self._interpreter.run(batch)
        self.ended = time.perf_counter_ns()
        self.tensor = batch
        return self.answer

    def resize(self, batch_size: int) -> None:
        self._interpreter.resize(batch_size)

    def reshape(self, shape: tuple[int, ...]) -> None:
        self._interpreter.reshape(shape)
