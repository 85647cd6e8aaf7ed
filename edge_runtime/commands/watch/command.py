"""``thinsmear watch``: classifies the newest picture of a camera, again and again, and may count a smear."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_runtime.commands.session.options import MEGABYTE, free_option, store_option
from edge_runtime.common.console import accelerator_option, is_verbose, json_option, note, verbosity_options
from edge_runtime.common.files import clear_leftovers
from edge_runtime.errors import WrongUsage

if TYPE_CHECKING:
    from edge_runtime.commands.watch.outcomes import Judge
    from edge_runtime.core.classifier import Classifier
    from edge_runtime.sessions.recorder import Recorder


@click.command(
    short_help="Classify a camera's pictures as they come.",
    epilog="""\b
Examples:
  thinsmear watch --camera picamera2                      the Pi's own camera
  thinsmear watch --camera v4l2:0 --size 1600x1200        a USB microscope
  thinsmear watch --camera http://10.0.0.7/video --json   a network camera, a line of JSON each
  thinsmear watch --camera replay:cells@2                 a folder of images, two a second
  thinsmear watch --camera replay:cells@0                 all of them, as fast as possible
  thinsmear watch --camera v4l2:0 --field                 whole fields
  thinsmear watch --camera v4l2:0 --session --until-stop  count a smear into the newest session

Exit code 0 after --frames, the end of a replay, the stop rule or SIGTERM; 3 when the camera cannot be opened or the
disk is full; 130 after Ctrl-C. SIGTERM and Ctrl-C finish the picture at hand first; a second Ctrl-C does not.""",
)
@click.option("--camera", "spec", required=True, metavar="CAMERA", help="Which one; `thinsmear cameras` lists them.")
@click.option("--field", "whole", is_flag=True, help="Each picture is a whole field [with --session, --blank].")
@click.option("--cells", "single", is_flag=True, help="Each picture is one cell [without them].")
@click.option(
    "--session",
    "code",
    metavar="[SESSION]",
    is_flag=False,
    flag_value="newest",
    help="Keep what is new in a session, by default the newest.",
)
@click.option("--blank", metavar="SLIDE", help="Keep what is new of a slide known to hold no parasites.")
@click.option("--until-stop", is_flag=True, help="End when the session's stop rule is reached.")
@store_option
@free_option
@click.option("--model", metavar="FILE|NAME", help="Model file, or the name of one that comes along [default].")
@accelerator_option
@click.option("--frames", metavar="N", type=click.IntRange(min=1), help="End after N pictures.")
@click.option(
    "--interval", default=0.0, metavar="SECONDS", type=click.FloatRange(0, 86_400), help="Time from picture to picture."
)
@click.option(
    "--save",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep each picture as PNG.",
)
@click.option("--size", metavar="WxH", help="Size of the camera's pictures, for instance 1280x960.")
@json_option
@verbosity_options
def watch(
    spec: str,
    whole: bool,
    single: bool,
    code: str | None,
    blank: str | None,
    until_stop: bool,
    folder: Path | None,
    min_free: int,
    model: str | None,
    accelerator: str,
    frames: int | None,
    interval: float,
    save: Path | None,
    size: str | None,
    as_json: bool,
) -> None:
    """Classify the newest picture of a camera until SIGTERM, Ctrl-C or --frames.

    Each picture is one cell; with --field or --session a whole field, whose focus is judged against the sharpest one.
    When the program is slower than the camera, pictures in between are left out. A camera that falls silent or is
    unplugged is opened again by itself. A picture that repeats an earlier one is marked and not added up. A session
    (`thinsmear session new`) keeps every new picture; of refused ones in a row, the first for each reason.
    """
    if whole and single:
        raise WrongUsage("Each picture is either a whole field or one cell; give --field or --cells.")
    _check_session(spec, single, code, blank, until_stop)
    single = single or not (whole or code or blank)
    from edge_runtime.cameras import camera_maker, shown_spec
    from edge_runtime.cameras.grabber import Grabber
    from edge_runtime.cameras.protocol import parse_size
    from edge_runtime.commands.watch.loop import Ending, Watching, frames_of

    with Ending() as ending:
        make = camera_maker(spec, parse_size(size) if size else None)
        from edge_runtime.inspection.opening import open_classifier

        classifier = open_classifier(model, accelerator)
        if is_verbose():
            from edge_runtime.inspection.compute_units import compute_units_of

            note(f"{compute_units_of(classifier)}; {classifier.interpreter.name} {classifier.interpreter.version}")
        with contextlib.ExitStack() as opened:
            recorder = None
            if code is not None or blank is not None:
                from edge_runtime.sessions.blank_slides import blank_session
                from edge_runtime.sessions.recorder import Recorder
                from edge_runtime.sessions.records import CELL, FIELD, ModelRecord
                from edge_runtime.sessions.store.opening import open_store

                new = blank is not None
                store = opened.enter_context(open_store(folder, create=new, min_free=min_free * MEGABYTE))
                kind = CELL if single else FIELD
                session = (
                    store.session(code) if blank is None else blank_session(store, blank, classifier.model.sha256, kind)
                )
                recorder = Recorder(store, session, ModelRecord.of(classifier), kind, shown_spec(spec))
                if until_stop and recorder.stop is None:
                    raise WrongUsage(
                        f"Session {recorder.session.code} has no stop rule; begin one with `session new --stop who`."
                    )
                ending.asked |= until_stop and recorder.reached
            judge = _judge(classifier, single, recorder)
            if save is not None:
                save.mkdir(parents=True, exist_ok=True)
                clear_leftovers(save)
            watching = Watching(judge, shown_spec(spec), save, as_json, recorder)
            with Grabber(make) as grabber, watching.summing_up(grabber):
                for frame in frames_of(grabber, ending, frames, interval):
                    watching.judge(frame)
                    ending.asked |= until_stop and watching.reached
        if ending.interrupted:
            raise KeyboardInterrupt


def _check_session(spec: str, single: bool, code: str | None, blank: str | None, until_stop: bool) -> None:
    """Refuse what no session can keep."""
    if until_stop and code is None:
        raise WrongUsage("--until-stop follows the stop rule of a session; give --session too.")
    if code is not None and blank is not None:
        raise WrongUsage("A blank slide has a session of its own; give --blank without --session.")
    if single and (code or blank) and not spec.lower().startswith("replay:"):
        raise WrongUsage(
            "A camera would show one cell again and again, and each picture would count as another cell; leave --cells "
            "out, or name a folder of cells (--camera replay:FOLDER)."
        )


def _judge(classifier: Classifier, single: bool, recorder: Recorder | None) -> Judge:
    """One that knows the fields of the session, where there is one."""
    from edge_runtime.commands.watch.outcomes import cell_judge, field_judge

    if single:
        return cell_judge(classifier)
    from edge_runtime.fields.smear import Smear

    return field_judge(classifier, Smear() if recorder is None else recorder.intake)
