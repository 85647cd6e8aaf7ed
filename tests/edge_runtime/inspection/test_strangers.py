"""Models of other makers: what their output means, how their input is laid out, and what their file says of both."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_runtime import cli
from edge_runtime.core import classifier as classifiers
from edge_runtime.core.backends import open_interpreter
from edge_runtime.core.backends.edgetpu import CUSTOM_OPERATOR
from edge_runtime.core.classifier import Classifier
from edge_runtime.errors import BadModel, WrongUsage
from edge_runtime.inspection import trial_run
from edge_runtime.inspection.class_names import class_names
from edge_runtime.inspection.graph import read_graph
from edge_runtime.inspection.metadata import Metadata, read_metadata
from edge_runtime.inspection.opening import ModelDescription, open_classifier
from edge_runtime.inspection.output_meaning import kind_of_output
from tests.fakes.graphs import REDDER, Net, colour_net, metadata_of, sigmoid

SAID = ModelDescription("Uninfected,Parasitized", input_range="0..1")
RED, BLUE = ((250, 20, 60), (60, 20, 250))


def cell(colour: tuple[int, int, int], side: int = 16) -> np.ndarray:
    return np.full((side, side, 3), colour, np.uint8)


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Classifier]:
    """A classifier of a flatbuffer, with what is appended to its file."""

    def open_it(flatbuffer: bytes, description: ModelDescription = SAID, tail: bytes = b"") -> Classifier:
        path = tmp_path / "stranger.tflite"
        path.write_bytes(flatbuffer + tail)
        return open_classifier(path, description=description)

    return open_it


def red_probability(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))


def mean_of_two(net: Net, logits: int) -> int:
    """The mean of two sigmoids, of the logit and of a third of it."""
    one = sigmoid(net, logits)
    third = net.add("MUL", [logits, net.constant([1 / 3])], net.tensor((1, 1)), options="MulOptions")
    total = net.add("ADD", [one, sigmoid(net, third)], net.tensor((1, 1)), options="AddOptions")
    return net.add("MUL", [total, net.constant([0.5])], net.tensor((1, 1)), options="MulOptions")


def hard_sigmoid(net: Net, logits: int) -> int:
    raised = net.add("ADD", [logits, net.constant([3.0])], net.tensor((1, 1)), options="AddOptions")
    bounded = net.add("RELU6", [raised], net.tensor((1, 1)))
    return net.add("MUL", [bounded, net.constant([1 / 6])], net.tensor((1, 1)), options="MulOptions")


def clipped(net: Net, logits: int) -> int:
    least = net.add("MINIMUM", [logits, net.constant([1.0])], net.tensor((1, 1)), options="MaximumMinimumOptions")
    return net.add("RELU", [least], net.tensor((1, 1)))


def turned_round(net: Net, logits: int) -> int:
    return net.add("SUB", [net.constant([1.0]), sigmoid(net, logits)], net.tensor((1, 1)), options="SubOptions")


def doubled_sigmoid(net: Net, logits: int) -> int:
    return net.add("MUL", [sigmoid(net, logits), net.constant([6.0])], net.tensor((1, 1)), options="MulOptions")


def hyperbolic(net: Net, logits: int) -> int:
    return net.add("TANH", [logits], net.tensor((1, 1)))


LOGIT = 4 * (250 - 60) / 255
ENDS: dict[str, tuple[Callable[[Net, int], int] | None, str, float]] = {
    "sigmoid": (sigmoid, "probability", red_probability(LOGIT)),
    "mean of sigmoids": (mean_of_two, "probability", (red_probability(LOGIT) + red_probability(LOGIT / 3)) / 2),
    "hard sigmoid": (hard_sigmoid, "probability", (LOGIT + 3) / 6),
    "one less a sigmoid": (turned_round, "probability", 1 - red_probability(LOGIT)),
    "plain": (None, "logit", red_probability(LOGIT)),
    "a sigmoid times six": (doubled_sigmoid, "logit", red_probability(6 * red_probability(LOGIT))),
    "hyperbolic tangent": (hyperbolic, "logit", red_probability(np.tanh(LOGIT))),
}


@pytest.mark.parametrize("name", ENDS)
def test_values_decide_between_probability_and_logit_not_the_last_operator(
    name: str, opened: Callable[..., Classifier]
) -> None:
    end, kind, expected = ENDS[name]
    classifier = opened(colour_net(end=end))
    assert classifier.card.output.kind == kind
    assert classifier.classify(cell(RED)).probability == pytest.approx(expected, abs=1e-4)


def test_a_clipped_output_is_a_probability(opened: Callable[..., Classifier]) -> None:
    classifier = opened(colour_net(weights=((0.9, 0.0, -0.1),), end=clipped))
    assert classifier.card.output.kind == "probability"


def test_small_logits_of_an_untrained_network_are_no_probabilities(opened: Callable[..., Classifier]) -> None:
    """On every possible pixel they lie in 0..1; far outside they do not, as probabilities would."""
    classifier = opened(colour_net(weights=((0.1, 0.1, 0.1),), bias=0.3))
    assert classifier.card.output.kind == "logit"


@pytest.mark.parametrize("kind, expected", [("logit", red_probability(0.9)), ("probability", 0.9)])
def test_what_the_user_says_of_the_output_overrules(
    kind: str, expected: float, opened: Callable[..., Classifier]
) -> None:
    flatbuffer = colour_net(weights=((0.0, 0.0, 0.0),), bias=0.9)
    said = ModelDescription("Uninfected,Parasitized", input_range="0..1", output=kind)
    assert opened(flatbuffer, said).classify(cell(RED)).probability == pytest.approx(expected, abs=1e-5)


def test_what_leaves_the_unit_range_is_no_probability_whatever_is_said(opened: Callable[..., Classifier]) -> None:
    said = ModelDescription("Uninfected,Parasitized", input_range="0..1", output="probability")
    with pytest.raises(BadModel, match=r"answers 2\.98\d+, which is no probability; say --output logit"):
        opened(colour_net(), said).classify(cell(RED))


def arg_max(net: Net, logits: int) -> int:
    axis = net.constant(1, "int32")
    return net.add("ARG_MAX", [logits, axis], net.tensor((1,), "int64"), options="ArgMaxOptions", outputType=4)


def arg_max_as_float(net: Net, logits: int) -> int:
    return net.add("CAST", [arg_max(net, logits)], net.tensor((1,)), options="CastOptions")


BOTH = ((-2.0, 0.0, 2.0), (2.0, 0.0, -2.0))


@pytest.mark.parametrize("end", [arg_max, arg_max_as_float])
def test_class_numbers_are_no_score_unless_they_are_asked_for(
    end: Callable[[Net, int], int], opened: Callable[..., Classifier]
) -> None:
    flatbuffer = colour_net(weights=BOTH, end=end)
    with pytest.raises(BadModel, match=r"the number of a class .* from ARG_MAX.*, which is no score"):
        opened(flatbuffer)
    notes: list[str] = []
    said = ModelDescription("Uninfected,Parasitized", input_range="0..1", output="class", tell=notes.append)
    classifier = opened(flatbuffer, said)
    assert [classifier.classify(cell(colour)).label for colour in (RED, BLUE)] == ["Parasitized", "Uninfected"]
    assert any("nothing can be ranked by it" in note for note in notes)


def quantised_pair(output: tuple[float, int], dtype: str = "uint8") -> tuple[bytes, bytes]:
    """A quantised network of the mean colour and what the Edge TPU's compiler makes of it: one custom operator."""
    files = []
    for compiled in (False, True):
        net = Net()
        given = net.tensor((1, 16, 16, 3), "uint8", quantised=(1 / 255, 0))
        answer = net.tensor((1, 1), dtype, quantised=output)
        if compiled:
            net.add(CUSTOM_OPERATOR.decode(), [given], answer)
        else:
            real = net.add("DEQUANTIZE", [given], net.tensor((1, 16, 16, 3)))
            mean = net.add(
                "MEAN", [real, net.constant([1, 2], "int32")], net.tensor((1, 3)),
                options="ReducerOptions", keepDims=False,
            )  # fmt: skip
            inputs = [mean, net.constant(REDDER), net.constant([0.0])]
            logit = net.add("FULLY_CONNECTED", inputs, net.tensor((1, 1)), options="FullyConnectedOptions")
            net.add("QUANTIZE", [sigmoid(net, logit) if output[0] < 0.01 else logit], answer)
        files.append(net.done(given, answer))
    return files[0], files[1]


@pytest.mark.parametrize(
    "output, dtype, kind",
    [
        ((1 / 256, 0), "uint8", "probability"),
        ((1 / 255, 0), "uint8", "probability"),
        ((1 / 256, -128), "int8", "probability"),
        ((0.00384, -128), "int8", "probability"),  # of a mean of sigmoids, as calibration found its largest value
        ((0.05, 128), "uint8", "logit"),
        ((0.1, 0), "int8", "logit"),
    ],
)
def test_a_file_and_its_edge_tpu_twin_give_the_same_answers(
    output: tuple[float, int],
    dtype: str,
    kind: str,
    opened: Callable[..., Classifier],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain, compiled = quantised_pair(output, dtype)
    on_cpu = opened(plain)
    # no Edge TPU is here: in the compiled file's place its twin computes, as the accelerator would
    monkeypatch.setattr(classifiers, "open_interpreter", lambda *_, **__: open_interpreter(plain))
    monkeypatch.setattr(trial_run, "try_model", lambda *_, **__: ((0.5,),))
    on_edgetpu = opened(compiled)
    assert on_edgetpu.on_edgetpu and not on_cpu.on_edgetpu
    assert on_cpu.card == on_edgetpu.card and on_cpu.card.output.kind == kind
    for colour in (RED, BLUE, (120, 90, 118)):
        assert on_cpu.classify(cell(colour)) == on_edgetpu.classify(cell(colour))


def test_a_softmax_of_sixteen_bits_is_a_probability() -> None:
    net = Net()
    given = net.tensor((1, 16, 16, 3), "int16", quantised=(1 / 32768, 0))
    graph = read_graph(
        net.done(given, net.add("SOFTMAX", [given], net.tensor((1, 2), "int16", quantised=(1 / 32768, 0))))
    )
    assert kind_of_output(graph, Metadata(), None) == "probability"


def test_a_model_of_any_size_asks_for_it(opened: Callable[..., Classifier]) -> None:
    flatbuffer = colour_net((-1, -1, -1, 3), end=sigmoid)
    with pytest.raises(WrongUsage, match=r"any size \(its input is \[-1, -1, -1, 3\]\); .* --size 128x128"):
        opened(flatbuffer)
    said = ModelDescription("Uninfected,Parasitized", input_range="0..1", size=(24, 20))
    classifier = opened(flatbuffer, said)
    half = np.concatenate([cell(RED, 40)[:, :20], cell(BLUE, 40)[:, 20:]], axis=1)
    assert classifier.interpreter.input.shape == (1, 20, 24, 3)
    assert classifier.classify(half).probability == pytest.approx(0.5, abs=0.02)
    assert [twin.classify(cell(RED)).label for twin in classifier.side_by_side(2)] == ["Parasitized"] * 2


def test_a_size_that_is_fixed_is_not_asked_for(opened: Callable[..., Classifier]) -> None:
    wrong = ModelDescription("Uninfected,Parasitized", input_range="0..1", size=(32, 32))
    with pytest.raises(WrongUsage, match=r"input is \[1, 16, 16, 3\], not 32x32; leave --size out"):
        opened(colour_net(), wrong)


LAYOUTS = {
    "channels first": ((1, 3, 16, 16), REDDER, "channels first"),
    "several at once": ((4, 16, 16, 3), REDDER, "4 images at once"),
    "several, channels first": ((2, 3, 16, 16), REDDER, "2 images at once"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_other_layouts_are_fed_and_said(name: str, opened: Callable[..., Classifier]) -> None:
    shape, weights, words = LAYOUTS[name]
    notes: list[str] = []
    said = ModelDescription("Uninfected,Parasitized", input_range="0..1", tell=notes.append)
    classifier = opened(colour_net(shape, weights), said)
    for colour in (RED, BLUE):
        logit = 4 * (colour[0] - colour[2]) / 255
        assert classifier.classify(cell(colour)).logit == pytest.approx(logit, abs=1e-4)
    assert [words in note for note in notes] == [True]


def test_grey_models_get_grey_cells(opened: Callable[..., Classifier]) -> None:
    classifier = opened(colour_net((1, 16, 16, 1), ((4.0,),), bias=-2))
    grey = 0.299 * 250 + 0.587 * 20 + 0.114 * 60
    assert classifier.classify(cell(RED)).logit == pytest.approx(4 * round(grey) / 255 - 2, abs=1e-4)


def test_colours_in_the_other_order(opened: Callable[..., Classifier]) -> None:
    said = ModelDescription("Uninfected,Parasitized", input_range="0..1", channels="BGR")
    assert opened(colour_net(), said).classify(cell(BLUE)).logit == pytest.approx(LOGIT, abs=1e-4)


def test_means_and_deviations_of_each_channel(opened: Callable[..., Classifier]) -> None:
    said = ModelDescription("Uninfected,Parasitized", mean=(123.7, 116.3, 103.5), std=(58.4, 57.1, 57.4))
    expected = 4 * ((250 - 123.7) / 58.4 - (60 - 103.5) / 57.4)
    assert opened(colour_net(), said).classify(cell(RED)).logit == pytest.approx(expected, abs=1e-3)


def test_means_and_deviations_as_pytorch_writes_them(opened: Callable[..., Classifier]) -> None:
    said = ModelDescription("Uninfected,Parasitized", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    expected = 4 * ((250 / 255 - 0.485) / 0.229 - (60 / 255 - 0.406) / 0.225)
    assert opened(colour_net(), said).classify(cell(RED)).logit == pytest.approx(expected, abs=1e-3)


def test_pictures_of_other_channels_are_refused_with_the_shape(opened: Callable[..., Classifier]) -> None:
    net = Net()
    given = net.tensor((1, 16, 16, 4))
    with pytest.raises(BadModel, match=r"takes \[1, 16, 16, 4\], not pictures"):
        opened(net.done(given, net.add("RELU", [given], net.tensor((1, 16, 16, 4)))))


def packed(**entries: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in entries.items():
            archive.writestr(name.replace("_", "."), text)
    return stream.getvalue()


@pytest.mark.parametrize(
    "text, names",
    [
        ("Parasitized\nUninfected\n", ("Parasitized", "Uninfected")),
        ("0 Parasitized\n1 Uninfected", ("Parasitized", "Uninfected")),  # Teachable Machine
        ("1: Uninfected\r\n0: Parasitized\r\n", ("Parasitized", "Uninfected")),
        ("1,P. vivax\n2,uninfected\n", ("P. vivax", "uninfected")),
        ("\ufeff0\tinfected cell\n1\thealthy cell\n", ("infected cell", "healthy cell")),
        ("3 rings\n7 rings\n", ("3 rings", "7 rings")),  # the numbers are part of the names
    ],
)
def test_labels_with_and_without_numbers(text: str, names: tuple[str, ...]) -> None:
    assert class_names(text) == names


def test_labels_come_from_a_file(tmp_path: Path, opened: Callable[..., Classifier]) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("0 Parasitized\n1 Uninfected\n")
    said = ModelDescription(str(path), input_range="0..1")
    assert opened(colour_net(end=sigmoid), said).classify(cell(RED)).label == "Uninfected"
    with pytest.raises(WrongUsage, match="cannot be read"):
        ModelDescription(str(tmp_path / "none.txt")).names()


def test_what_the_file_says_of_itself_is_enough(opened: Callable[..., Classifier]) -> None:
    metadata = metadata_of((127.5,), (127.5,), "names.txt")
    tail = packed(names_txt="0 Uninfected\n1 Parasitized\n", other_txt="x")
    classifier = opened(colour_net(end=sigmoid, metadata=metadata), ModelDescription(), tail)
    assert classifier.labels == ("Uninfected", "Parasitized")
    expected = red_probability(4 * (250 - 60) / 127.5)
    assert classifier.classify(cell(RED)).probability == pytest.approx(expected, abs=1e-4)


def test_what_the_user_says_counts_more(opened: Callable[..., Classifier]) -> None:
    flatbuffer = colour_net(metadata=metadata_of((127.5,), (127.5,), "labels.txt"))
    tail = packed(labels_txt="Parasitized\nUninfected\n")
    assert opened(flatbuffer, SAID, tail).classify(cell(RED)).logit == pytest.approx(LOGIT, abs=1e-4)


def test_metadata_is_read_and_damage_to_it_is_no_error() -> None:
    content = metadata_of((1.0, 2.0, 3.0), (4.0, 5.0, 6.0), "labels.txt", grey=True)
    found = read_metadata(colour_net(metadata=content))
    assert found == Metadata((1.0, 2.0, 3.0), (4.0, 5.0, 6.0), True, ("labels.txt",), 0.0, 1.0)
    assert read_metadata(colour_net()) == Metadata()
    generator = np.random.default_rng(3)
    for _ in range(300):
        damaged = bytearray(content)
        damaged[generator.integers(len(damaged))] = generator.integers(256)
        assert isinstance(read_metadata(colour_net(metadata=bytes(damaged))), Metadata)


def test_show_prints_what_the_file_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "stranger.tflite"
    metadata = metadata_of((127.5,), (127.5,), "labels.txt")
    path.write_bytes(colour_net((1, 3, 16, 16), metadata=metadata) + packed(labels_txt="0 Clean\n1 Infected\n"))
    assert cli.run(["show", str(path)]) == 0
    shown = capsys.readouterr().out
    for part in (
        "labels",
        "Clean, Infected",
        "mean 127.5, std 127.5",
        "channels first",
        "It says what classifying needs",
    ):
        assert part in shown
    assert cli.run(["show", str(path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["labels"] == ["Clean", "Infected"] and document["metadata"]["mean"] == [127.5]
