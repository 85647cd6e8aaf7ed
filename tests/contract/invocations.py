"""The calls whose help, output and exit code are the contract: what is here may be added to, and not changed.

Add a call for everything a script may rest on, then ``python -m tests.contract.record``.
"""

from __future__ import annotations

import importlib.util
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

COMMANDS = (
    "demo", "synth", "train", "evaluate", "explain", "convert", "check", "lint", "layers", "classify", "watch",
    "cameras", "session", "session new", "session add", "session blank", "session positive", "session status",
    "session list", "session review", "session report", "session export", "session retain", "session recover", "session site", "serve",
    "show", "device",
    "device bundle", "device provision", "doctor", "bench", "bench latency", "bench accuracy", "bench peers",
    "bench models", "bench fields", "bench counting", "bench review", "bench training", "bench recipes",
    "bench candidates", "bench report",
)  # fmt: skip
FIELDS = ("cv2",)  # what whole fields need
_SERVER = ("fastapi", "uvicorn", "python_multipart", "segno")
_MEASURED = ("message", "cure", "status")  # of the doctor's findings
_HISTOGRAMS = ("curves", "predictions")  # a step of int8 moves a cell to the next bin
_BENCH_BLURRED = ("machine",)


@dataclass(frozen=True)
class Invocation:
    """One call of the command.

    Attributes:
        name: ``group/what``; the group is the file that it is recorded in.
        arguments: of ``thinsmear``; paths lie in the material (see tests.contract.material).
        before: calls that go before it, on the same files.
        stdin: file that is piped into it, "" for nothing.
        needs: packages without which it is skipped.
        blurred: JSON fields of which only the form is contract, because they are measured; ``("*",)`` for all.
        apart: run in a process of its own.
        clicks_words: its error is worded by Click, whose versions differ.
    """

    name: str
    arguments: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    stdin: str = ""
    needs: tuple[str, ...] = ()
    blurred: tuple[str, ...] = ()
    apart: bool = False
    clicks_words: bool = False

    @property
    def is_help(self) -> bool:
        return self.name.startswith("help/")

    @property
    def missing(self) -> list[str]:
        """The packages it needs that are not installed."""
        return [package for package in self.needs if importlib.util.find_spec(package) is None]


def _call(
    name: str, line: str, before: Sequence[str] = (), stdin: str = "", needs: Sequence[str] = (),
    blurred: Sequence[str] = (), apart: bool = False, clicks_words: bool = False,
) -> Invocation:  # fmt: skip
    earlier = tuple(tuple(shlex.split(one)) for one in before)
    arguments = tuple(shlex.split(line))
    return Invocation(name, arguments, earlier, stdin, tuple(needs), tuple(blurred), apart, clicks_words)


_HELP = [_call(f"help/{name.replace(' ', '-')}", f"{name} --help") for name in COMMANDS]

_ROOT = [
    _call("help/thinsmear", "--help"),
    _call("root/version", "--version", apart=True),
    _call("root/unknown-command", "clasify", apart=True),
    _call("root/unknown-option", "classify --nonsense one.png", clicks_words=True),
    _call("root/no-choice", "classify --accelerator gpu one.png", clicks_words=True),
]

_CLASSIFY = [
    _call("classify/one", "classify one.png"),
    _call("classify/json", "classify one.png --json", apart=True),
    _call("classify/folder", "classify three --json"),
    _call("classify/two-at-a-time", "classify three --threads 2 --json"),
    _call("classify/glob", "classify 'three/[ab].png' --json"),
    _call("classify/bad", "classify bad --json"),
    _call("classify/bad-text", "classify bad"),
    _call("classify/no-image-by-name", "classify bad/notes.txt --json"),
    _call("classify/only-bad", "classify bad/text.png bad/empty.png --json"),
    _call("classify/missing", "classify nowhere.png --json"),
    _call("classify/nothing", "classify"),
    _call("classify/stdin", "classify - --json", stdin="one.png"),
    _call("classify/stdin-bad", "classify - --json", stdin="scores.csv", apart=True),
    _call("classify/list", "classify --files-from - --json", stdin="bad/notes.txt"),
    _call("classify/fast", "classify three --model fast --json"),
    _call("classify/quiet", "classify bad -q"),
    _call("classify/without-card", "classify three/a.png three/b.png --model tiny.tflite --labels Uninfected,Parasitized --input-range 0..1 --json"),
    _call("classify/without-labels", "classify three --model tiny.tflite"),
    _call("classify/card-and-labels", "classify one.png --labels A,B"),
    _call("classify/no-model", "classify one.png --model nowhere.tflite"),
    _call("classify/bad-model", "classify one.png --model text.tflite"),
    _call("classify/cut-model", "classify one.png --model cut.tflite"),
    _call("classify/no-accelerator", "classify one.png --accelerator edgetpu"),
    _call("classify/overlay-without-field", "classify one.png --overlay marked.png"),
    _call("classify/field", "classify --field field.png", needs=FIELDS),
    _call("classify/field-json", "classify --field smears/fields --json", needs=FIELDS),
    _call("classify/field-pictures", "classify --field field.png --overlay marked.png --crops cut --json", needs=FIELDS),
    _call("classify/field-refused", "classify --field one.png --json", needs=FIELDS),
]  # fmt: skip

_MODELS = [
    _call("show/default", "show --json"),
    _call("show/fast", "show fast --json"),
    _call("show/text", "show fast"),
    _call("show/tensors", "show tiny.tflite --tensors"),
    _call("show/golden", "show --golden --json", blurred=("card", "tensors")),
    _call("show/without-card", "show tiny.tflite --json"),
    _call("show/without-golden", "show tiny.tflite --golden"),
    _call("show/missing", "show nowhere.tflite"),
    _call("show/bad", "show text.tflite --json", apart=True),
    _call("lint/cpu", "lint default --json"),
    _call("lint/edgetpu", "lint default --target edgetpu --json"),
    _call("lint/refused", "lint tiny.tflite --target edgetpu --json"),
    _call("lint/refused-text", "lint tiny.tflite --target edgetpu"),
    _call("lint/missing", "lint nowhere.tflite"),
    _call("convert/recipes", "convert --list-recipes"),
    _call("convert/no-out", "convert smears", clicks_words=True),
    _call("convert/no-run", "convert nowhere --out model.tflite"),
    _call("convert/not-a-run", "convert smears --out model.tflite"),
    _call("convert/edgetpu-for-cpu", "convert smears --out model.tflite --edgetpu --target cpu"),
    _call("check/no-run", "check default --against nowhere"),
    _call("check/without-card", "check tiny.tflite --against smears"),
    _call("layers/no-run", "layers default --against nowhere"),
]

_TRAIN = [
    _call("synth/json", "synth made --cells 6 --fields 1 --patients 2 --seed 1 --field-size 320x240 --json"),
    _call("synth/text", "synth made --cells 6 --fields 0 --patients 2"),
    _call("synth/not-empty", "synth smears --cells 6"),
    _call("synth/size", "synth made --field-size 3x3"),
    _call("demo/not-ours", "demo --out smears"),
    _call("train/nothing", "train"),
    _call("train/resume-changed", "train --resume run --epochs 3"),
    _call("train/width", "train smears/cells --out run --arch cnn_128 --alpha 0.5"),
    _call("evaluate/json", "evaluate default smears/cells --resamples 100 --json", blurred=_HISTOGRAMS),
    _call("evaluate/text", "evaluate default smears/cells --resamples 100"),
    _call("evaluate/csv", "evaluate fast smears/cells.csv --resamples 100 --json", blurred=_HISTOGRAMS),
    _call("evaluate/out", "evaluate default smears/cells --resamples 100 --out results", needs=("matplotlib",)),
    _call("evaluate/against", "evaluate fast smears/cells --resamples 100 --against results/probabilities.csv --json",
          before=["evaluate default smears/cells --resamples 100 --out results"], needs=("matplotlib",), blurred=_HISTOGRAMS),
    _call("evaluate/without-card", "evaluate tiny.tflite smears/cells --resamples 100 --labels Uninfected,Parasitized --input-range 0..1 --json",
          blurred=_HISTOGRAMS),
    _call("evaluate/no-data", "evaluate default"),
    _call("evaluate/one-class", "evaluate default three"),
    _call("evaluate/numbers", "evaluate default numbers"),
    _call("evaluate/parasitized", "evaluate default numbers --parasitized 0 --resamples 100 --json", blurred=_HISTOGRAMS),
    _call("evaluate/no-number", "evaluate default smears/cells --parasitized 0"),
    _call("evaluate/silent-folders", "evaluate default mixed"),
    _call("evaluate/ignored-folders", "evaluate default mixed --ignore-folders --skip-unnamed --resamples 100 --json",
          blurred=_HISTOGRAMS),
    _call("evaluate/folds-of-a-model", "evaluate default --folds 3"),
    _call("explain/json", "explain fast three/a.png three/c.png --out why --json", needs=("matplotlib",)),
    _call("explain/text", "explain fast bad --out why", needs=("matplotlib",)),
    _call("explain/no-images", "explain fast --out why"),
    _call("explain/not-empty", "explain fast one.png --out smears"),
    _call("explain/idle-option", "explain fast one.png --out why --count 3"),
]  # fmt: skip

_CAMERAS = [
    _call("watch/cells", "watch --camera replay:three@0 --json"),
    _call("watch/text", "watch --camera replay:three@0"),
    _call("watch/frames", "watch --camera replay:three@0 --frames 1 --json --save kept", apart=True),
    _call("watch/field", "watch --camera replay:smears/fields@0 --field --json", needs=FIELDS),
    _call("watch/session", "watch --camera replay:three@0 --cells --session --json --min-free 0 --store store",
          before=["session new --slide B2 --min-free 0 --store store"]),
    _call("watch/blank", "watch --camera replay:three@0 --cells --blank NEG02 --json --min-free 0 --store store"),
    _call("watch/no-camera", "watch --camera nonsense:0"),
    _call("watch/no-folder", "watch --camera replay:nowhere"),
    _call("watch/both-kinds", "watch --camera replay:three --field --cells"),
    _call("watch/stop-without-session", "watch --camera replay:three --until-stop"),
    _call("watch/size", "watch --camera replay:three --size big"),
    _call("cameras/json", "cameras --json", blurred=["*"]),
    _call("cameras/probe", "cameras --probe replay:three --json"),
    _call("cameras/probe-missing", "cameras --probe http://127.0.0.1:9/video --json"),
    _call("cameras/size-alone", "cameras --size 640x480"),
    _call("doctor/json", "doctor --json", blurred=_MEASURED),
    _call("doctor/bad-model", "doctor --model text.tflite --json", blurred=_MEASURED),
    _call("serve/key-alone", "serve --tls-key scores.csv", needs=_SERVER),
    _call("serve/size", "serve --size big", needs=_SERVER),
    _call("serve/port", "serve --port 99999999", clicks_words=True),
]  # fmt: skip

_SESSION = [
    _call("session/new", "session new --slide A17 --operator AB --stain giemsa --magnification 1000 --stop 25% --rbc 4500000 --min-free 0 --store home/new --json"),
    _call("session/new-text", "session new --slide A17 --min-free 0 --store store"),
    _call("session/new-name", "session new --slide 'A 17' --min-free 0 --store store"),
    _call("session/new-participant", "session new --slide A17 --participant Jane --min-free 0 --store store"),
    _call("session/new-full", "session new --slide A17 --min-free 999999999 --store store"),
    _call("session/add", "session add newest bad three --cells --min-free 0 --store store --json"),
    _call("session/add-text", "session add newest bad --cells --min-free 0 --store store"),
    _call("session/add-field", "session add newest field.png --min-free 0 --store store --json", needs=FIELDS,
          before=["session new --slide F1 --min-free 0 --store store"]),
    _call("session/no-store", "session add newest three --cells --store nowhere"),
    _call("session/no-session", "session status S-2222222 --store store"),
    _call("session/status", "session status --store store --json"),
    _call("session/status-checked", "session status --check --store reviewed", apart=True),
    _call("session/list", "session list --store store --json"),
    _call("session/list-text", "session list --store store"),
    _call("session/review", "session review --store store --json"),
    _call("session/review-verdict", "session review --store store --json --cell 2.1 --verdict gametocyte --species falciparum --reviewer RV"),
    _call("session/review-undo", "session review --store reviewed --undo 2.1 --reviewer RV"),
    _call("session/review-nobody", "session review --store store --cell 1.1 --verdict asexual"),
    _call("session/review-no-cell", "session review --store store --cell 9.9 --verdict asexual --reviewer RV"),
    _call("session/review-sheet", "session review --store store --sheet sheet.html --sheet sheet.png --json"),
    _call("session/review-sheet-text", "session review --store store --sheet sheet.html --cells 2"),
    _call("session/review-sheet-kind", "session review --store store --sheet sheet.pdf"),
    _call("session/review-answer", "session review --store store --verdicts scores.csv --reviewer RV"),
    _call("session/review-answer-nobody", "session review --store store --verdicts scores.csv"),
    _call("session/review-answer-sheet", "session review --store store --of-sheet Q-2222222"),
    _call("session/report", "session report --store store --json"),
    _call("session/report-reviewed", "session report --store reviewed --json"),
    _call("session/report-text", "session report --store reviewed"),
    _call("session/report-files", "session report --store reviewed --out report.html --out report.pdf"),
    _call("session/report-kind", "session report --store store --out report.doc"),
    _call("session/export", "session export --store reviewed --json"),
    _call("session/export-csv", "session export --store reviewed"),
    _call("session/export-files", "session export --store reviewed --out exported --json"),
    _call("session/blank", "session blank --cells --min-free 0 --store store --json"),
    _call("session/blank-add", "session blank NEG02 three/c.png --cells --limit 100000 --min-free 0 --store store --json"),
    _call("session/blank-discard", "session blank --discard NEG01 --cells --min-free 0 --store store"),
    _call("session/blank-nothing", "session blank NEG02 --store store"),
    _call("session/positive", "session positive --cells --min-free 0 --store store --json"),
    _call("session/positive-add", "session positive POS01 three --cells --min-free 0 --store store --json"),
    _call("session/positive-read", "session positive --cells --min-free 0 --store store --json",
          before=["session positive POS01 three --cells --min-free 0 --store store -q"]),
    _call("session/positive-text", "session positive POS01 three --cells --min-free 0 --store store"),
    _call("session/positive-discard", "session positive --discard POS01 --cells --min-free 0 --store store"),
    _call("session/positive-nothing", "session positive POS01 --store store"),
    _call("session/status-text", "session status --store reviewed"),
    _call("session/recover-list", "session recover --list --store store --json"),
    _call("session/status-reviewed", "session status --store reviewed --json"),
    _call("session/retain", "session retain --days 0 --dry-run --store store --json"),
    _call("session/retain-text", "session retain --days 0 --what sessions --store store"),
    _call("session/site", "session site --store store --json"),
    _call("session/site-pattern", "session site --pattern .* --store store"),
]  # fmt: skip

_DEVICE = [
    _call("device/bundle", "device bundle --out again --wheel ours/thinsmear-1.0-py3-none-any.whl --wheels wheels --json",
          needs=("pip",), blurred=["kit", "bytes", "files", "details"]),
    _call("device/provision", "device provision kit --boot card --name scope-1 --no-ssh --csv cards.csv --json", needs=("pip",)),
    _call("device/dry-run", "device provision kit --boot card --name scope-1 --no-ssh --dry-run --json", needs=("pip",),
          blurred=["bytes", "files", "kit"]),
    _call("device/no-second-card", "device provision kit --boot card --name 'scope-{n}' --count 2 --wait 0 --no-ssh", needs=("pip",)),
    _call("device/not-a-kit", "device provision smears --boot card --no-ssh"),
    _call("device/who-may-log-in", "device provision kit --boot card"),
    _call("device/not-a-card", "device provision kit --boot smears --no-ssh", needs=("pip",)),
    _call("device/wifi-without-country", "device provision kit --boot card --no-ssh --wifi net", needs=("pip",)),
]  # fmt: skip

_BENCH = [
    _call("bench/counting", "bench counting --replicates 20 --draws 500 --json", blurred=(*_BENCH_BLURRED, "points")),
    _call("bench/slides", "bench counting scores.csv --point 0.5 --replicates 20 --draws 500 --json", blurred=_BENCH_BLURRED),
    _call("bench/slides-few", "bench counting few.csv --point 0.5 --replicates 20 --draws 500"),
    _call("bench/slides-blank", "bench counting scores.csv --blank-slides many"),
    _call("bench/point-alone", "bench counting --point 0.5"),
    _call("bench/review", "bench review many.csv --replicates 10 --json", blurred=(*_BENCH_BLURRED, "intervals")),
    _call("bench/review-few", "bench review scores.csv --replicates 20"),
    _call("bench/review-by", "bench review scores.csv --by P"),
    _call("bench/review-curve", "bench review many.csv --curve counting.json"),
    _call("bench/fields", "bench fields smears/fields --timed 0 --json", needs=FIELDS, blurred=_BENCH_BLURRED),
    _call("bench/models", "bench models fast --data smears/cells --resamples 100 --preset quick --json", blurred=["*"]),
    _call("bench/latency", "bench latency nowhere.tflite"),
    _call("bench/report-markdown", "bench report counting.json --out report.md"),
    _call("bench/report-page", "bench report counting.json --out report.html"),
    _call("bench/report-nowhere", "bench report counting.json"),
    _call("bench/report-missing", "bench report nowhere.json --out report.md"),
    _call("bench/report-foreign", "bench report scores.csv --out report.md"),
    _call("bench/candidates", "bench candidates nonsense"),
    _call("bench/recipes", "bench recipes smears/cells --out compared", clicks_words=True),
    _call("bench/peers", "bench peers nowhere.tflite --data smears/cells"),
    _call("bench/accuracy", "bench accuracy nowhere --out quantisation", needs=("tensorflow",)),
]  # fmt: skip

INVOCATIONS = {
    one.name: one for one in (*_HELP, *_ROOT, *_CLASSIFY, *_MODELS, *_TRAIN, *_CAMERAS, *_SESSION, *_DEVICE, *_BENCH)
}
