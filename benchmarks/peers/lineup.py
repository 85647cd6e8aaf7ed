"""Who takes part: every runtime with the same network in its own format, or the reason why it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.peers.cells import Chosen
from benchmarks.peers.conversion import convert
from benchmarks.peers.other_makers import Foreign, as_one_file
from benchmarks.peers.protocol import Job, Quantisation
from edge_runtime.common.console import note
from edge_runtime.core.backends import open_interpreter
from edge_runtime.core.card import Card, OutputContract
from edge_runtime.core.model_file import ModelFile
from edge_runtime.errors import ThinsmearError

OWN = "thinsmear"
NEEDS_KERAS = "needs the network in Keras form: --run RUN or --keras FILE"
LEAST_CALIBRATION = 32
_THROUGH_KERAS = "Keras, through tf2onnx"


@dataclass(frozen=True)
class Contender:
    """One row before it is measured.

    Attributes:
        name: for people.
        precision: "int8" or "float32".
        source: where its model comes from, in words.
        job: what its process runs; None when it cannot take part.
        reason: why not.
    """

    name: str
    precision: str
    source: str
    job: Job | None
    reason: str | None = None


@dataclass(frozen=True)
class _Jobs:
    """Makes the jobs of one benchmark: all with the same cells, processor and contracts."""

    card: Card
    float_output: OutputContract
    quantisation: Quantisation | None
    files: tuple[str, ...]
    cpu: int | None

    def same_tensors(self, kind: str, path: Path) -> Job:
        """For a model with the tensors of the .tflite file."""
        return Job(kind, str(path), self.files, self.card.input, self.card.output, self.quantisation, self.cpu)

    def real_tensors(self, kind: str, path: Path) -> Job:
        """For a model that takes and gives real numbers."""
        return Job(kind, str(path), self.files, self.card.input, self.float_output, None, self.cpu)


def line_up(
    model: ModelFile,
    keras: Path | None,
    float_output: OutputContract | None,
    foreign: Sequence[Foreign],
    chosen: Chosen,
    work: Path,
    cpu: int | None,
) -> list[Contender]:
    """Convert what must be converted, and list the peers, this program first.

    Args:
        model: with a card.
        keras: the float network behind it, a .keras file; without it peers that need one are listed with the reason.
        float_output: calibration of the float network; default that of the card.
        foreign: other makers' models.
        chosen: the cells.
        work: an empty folder for converted models, which must outlive the contenders.
        cpu: the processor that all stay on.
    """
    assert model.card is not None
    loaded = open_interpreter(model.flatbuffer)
    taken, given = loaded.input, loaded.output
    integer = taken.dtype.kind in "iu"
    precision = "int8" if integer else "float32"
    known = Quantisation(taken.scale, taken.zero_point, given.scale, given.zero_point) if integer else None
    jobs = _Jobs(model.card, float_output or model.card.output, known, chosen.files, cpu)
    plain, float_onnx = work / "model.tflite", work / "float32.onnx"
    plain.write_bytes(model.flatbuffer)
    problem: str | None = NEEDS_KERAS
    if keras is not None:
        note("Converting the network to ONNX ...")
        problem = convert("keras-to-onnx", source=str(keras), target=str(float_onnx))
    found = [
        Contender(OWN, precision, "the model file", jobs.same_tensors("thinsmear", model.path)),
        Contender("LiteRT, bare loop", precision, "the model file", jobs.same_tensors("litert", plain)),
        Contender("OpenVINO", precision, "the .tflite file", jobs.same_tensors("openvino", plain)),
    ]
    if problem is None:
        found += _quantised_by_onnxruntime(jobs, float_onnx, work / "int8.onnx", chosen.calibration)
    elif integer:
        found += _quantised_as_the_file(jobs, plain, work / "int8.onnx")
    converted = [("ONNX Runtime", "onnxruntime")]
    if integer:  # a float model is already among them
        converted.append(("OpenVINO", "openvino"))
    for name, kind in converted:
        job = jobs.real_tensors(kind, float_onnx) if problem is None else None
        found.append(Contender(name, "float32", _THROUGH_KERAS, job, problem))
    for name, kind in (("TensorFlow function", "tensorflow"), ("Keras predict", "keras")):
        job = None if keras is None else jobs.real_tensors(kind, keras)
        found.append(Contender(name, "float32", "Keras", job, NEEDS_KERAS if keras is None else None))
    return found + [_of_another_maker(one, number, jobs, work) for number, one in enumerate(foreign)]


def _quantised_by_onnxruntime(jobs: _Jobs, source: Path, target: Path, calibration: tuple[str, ...]) -> list[Contender]:
    """The float network, quantised by ONNX Runtime's own tools; OpenVINO reads the result too."""
    if len(calibration) < LEAST_CALIBRATION:
        problem: str | None = f"only {len(calibration)} images are left to calibrate on, {LEAST_CALIBRATION} are needed"
    else:
        note(f"Quantising with ONNX Runtime on {len(calibration)} images ...")
        problem = convert(
            "onnx-to-int8", source=str(source), target=str(target), images=calibration, input=asdict(jobs.card.input)
        )
    words = f"{_THROUGH_KERAS}, QDQ on {len(calibration)} images"
    return [
        Contender(name, "int8", words, None if problem else jobs.real_tensors(kind, target), problem)
        for name, kind in (("ONNX Runtime", "onnxruntime"), ("OpenVINO, QDQ", "openvino"))
    ]


def _quantised_as_the_file(jobs: _Jobs, source: Path, target: Path) -> list[Contender]:
    """The int8 file itself as ONNX, where there is no float network to quantise."""
    note("Converting the .tflite file to ONNX ...")
    problem = convert("tflite-to-onnx", source=str(source), target=str(target))
    job = None if problem else jobs.same_tensors("onnxruntime", target)
    return [Contender("ONNX Runtime", "int8", "the .tflite file, through tf2onnx", job, problem)]


def _of_another_maker(foreign: Foreign, number: int, jobs: _Jobs, work: Path) -> Contender:
    """Another classifier, on this program's runtime."""
    name = foreign.path.name
    try:
        path, card = as_one_file(foreign, work / f"foreign-{number}.tflite")
        loaded = open_interpreter(path.read_bytes())
    except ThinsmearError as error:
        return Contender(name, "", "given by path", None, str(error))
    job = Job("thinsmear", str(path), jobs.files, card.input, card.output, None, jobs.cpu)
    precision = "int8" if loaded.input.dtype.kind in "iu" else "float32"
    return Contender(name, precision, f"given by path, {card.input.height}x{card.input.width}", job)
