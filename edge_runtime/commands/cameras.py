"""``thinsmear cameras``: what is connected, and whether one of them works."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import click

from edge_runtime.common.console import emit_json, json_option, note, table, verbosity_options
from edge_runtime.errors import WrongUsage

_SLICE = 0.2


@click.command(
    short_help="List the cameras that are connected.",
    epilog="""\b
Examples:
  thinsmear cameras
  thinsmear cameras --probe v4l2:0               open it and take one picture
  thinsmear cameras --probe picamera2 --size 2028x1520
  thinsmear cameras --probe http://10.0.0.7/video --json

Exit code 3 when the camera of --probe gives no picture; an empty list is no error.""",
)
@click.option("--probe", "spec", metavar="CAMERA", help="Open this one and take a picture of it, nothing else.")
@click.option("--size", metavar="WxH", help="Size of the picture of --probe, for instance 1280x960.")
@json_option
@verbosity_options
def cameras(spec: str | None, size: str | None, as_json: bool) -> None:
    """List the Pi's own cameras and USB cameras, with the names that `watch --camera` takes."""
    if spec is not None:
        _show_probe(_probe(spec, size), as_json)
        return
    if size is not None:
        raise WrongUsage("--size is that of the picture of --probe; give --probe CAMERA too.")
    from edge_runtime.cameras import list_cameras

    found, notes = list_cameras()
    if as_json:
        emit_json({"cameras": [asdict(camera) for camera in found], "notes": notes})
        return
    if found:
        click.echo(table(["camera", "name", "where"], [(info.spec, info.name, info.detail) for info in found]))
    else:
        click.echo("No camera was found.")
    for sentence in notes:
        note(sentence)
    note("Network cameras are not searched for: name the address, as in `thinsmear cameras --probe http://HOST/PATH`.")


def _probe(spec: str, size: str | None) -> dict[str, Any]:
    """Open a camera, take one frame, release it; the errors of opening come through."""
    from edge_runtime.cameras import CameraFault, camera_maker, shown_spec
    from edge_runtime.cameras.grabber import Grabber, Timing
    from edge_runtime.cameras.protocol import parse_size

    timing = Timing()
    begin = time.monotonic()
    with Grabber(camera_maker(spec, parse_size(size) if size else None), timing) as grabber:
        until = begin + timing.first_open + 2 * timing.hung_after
        while time.monotonic() < until and not grabber.ended:
            frame = grabber.take(_SLICE)
            if frame is not None:
                height, width = frame.pixels.shape[:2]
                seconds = round(time.monotonic() - begin, 3)
                return {"camera": shown_spec(spec), "width": width, "height": height, "seconds": seconds}
    raise CameraFault(f"{shown_spec(spec)} opens, but gives no picture; look at the camera and its cable.")


def _show_probe(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        emit_json(result)
    else:
        size = f"{result['width']}x{result['height']}"
        click.echo(f"{result['camera']} works: {size} pixels, the first picture after {result['seconds']:.1f} s.")
