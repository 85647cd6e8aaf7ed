"""``thinsmear serve``: the page at the microscope and the HTTP API."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import click

from edge_runtime.commands.session.options import MEGABYTE, free_option, store_option
from edge_runtime.common.console import accelerator_option, is_verbose, note, verbosity_options
from edge_runtime.errors import EnvironmentLacks, WrongUsage

_PACKAGES = ("fastapi", "uvicorn", "python_multipart", "segno", "itsdangerous")


@click.command(
    short_help="The page for the microscope, and the HTTP API.",
    epilog="""\b
Examples:
  thinsmear serve                                        image files dropped on the page, this computer only
  thinsmear serve --camera auto                          with the camera that is connected
  thinsmear serve --camera v4l2:0 --size 1600x1200
  thinsmear serve --host 0.0.0.0 --camera picamera2      phones too: shows a QR code with the token
  thinsmear serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem

SIGTERM and Ctrl-C end it: the field in hand is finished and stored first.""",
)
@click.option("--camera", metavar="CAMERA", help="Which one, see `thinsmear cameras`; auto: any [none].")
@click.option("--size", metavar="WxH", help="Size of the camera's pictures, for instance 1280x960.")
@click.option("--model", metavar="FILE|NAME", help="Model file, or the name of one that comes along [default].")
@accelerator_option
@store_option
@free_option
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDR", help="0.0.0.0 for every network.")
@click.option("--port", default=8080, show_default=True, metavar="N", type=click.IntRange(0, 65535))
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME", help="Another name browsers call it by.")
@click.option(
    "--token-file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Token that everybody must show; default: with --host, one is made, and this device needs none.",
)
@click.option(
    "--tls-cert", "certificate", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Certificate (PEM): HTTPS.",
)  # fmt: skip
@click.option(
    "--tls-key", "key", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Its private key (PEM), unless it is in the same file.",
)  # fmt: skip
@click.option("--threads", metavar="N", type=click.IntRange(1, 64), help="Fields at a time [all cores but one].")
@click.option(
    "--queue",
    default=16,
    show_default=True,
    metavar="N",
    type=click.IntRange(0, 1000),
    help="Requests with images that may wait; more get 503.",
)
@click.option(
    "--max-upload", default=64, show_default=True, metavar="MB", type=click.IntRange(1, 1000), help="Of one request."
)
@click.option(
    "--max-files",
    default=50,
    show_default=True,
    metavar="N",
    type=click.IntRange(1, 1000),
    help="Images in one request.",
)
@click.option(
    "--rate",
    default=20.0,
    show_default=True,
    metavar="N",
    type=click.FloatRange(0),
    help="Requests a second of one caller on the network; 0: any.",
)
@click.option(
    "--viewers", default=8, show_default=True, metavar="N", type=click.IntRange(1, 100), help="Live views at a time."
)
@verbosity_options
def serve(
    camera: str | None,
    size: str | None,
    model: str | None,
    accelerator: str,
    folder: Path | None,
    min_free: int,
    host: str,
    port: int,
    hosts: tuple[str, ...],
    token_file: Path | None,
    certificate: Path | None,
    key: Path | None,
    threads: int | None,
    queue: int,
    max_upload: int,
    max_files: int,
    rate: float,
    viewers: int,
) -> None:
    """Serve the page and the API, on this computer only unless --host says otherwise.

    With --host a token is needed. It is in a QR code, shown in the terminal and on the device's own screen; browsers
    keep it as a cookie, programs send it as `Authorization: Bearer TOKEN`. The API is described at /openapi.json.
    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise EnvironmentLacks(
            f"The page needs the package {missing[0]}, which is not installed; "
            '`pip install "thinsmear[serve]"` brings it.'
        )
    if key is not None and certificate is None:
        raise WrongUsage("--tls-key goes with --tls-cert; name both.")
    from edge_runtime.cameras.protocol import parse_size
    from edge_runtime.server.access.tokens import own_token, read_token
    from edge_runtime.server.run import run_server
    from edge_runtime.server.settings import Settings, default_store, default_threads, is_loopback

    settings = Settings(
        store=folder or default_store(),
        host=host,
        port=port,
        camera=camera,
        size=parse_size(size) if size else None,
        model=model,
        accelerator=accelerator,
        token_for_all=token_file is not None,
        hosts=hosts,
        certificate=certificate,
        key=key,
        threads=threads or default_threads(),
        queue=queue,
        max_upload=max_upload * MEGABYTE,
        max_files=max_files,
        rate=rate,
        viewers=viewers,
        min_free=min_free * MEGABYTE,
    )
    token = None
    if token_file is not None:
        token = read_token(token_file)
    elif not is_loopback(host):
        token = own_token(settings.private)
    run_server(replace(settings, token=token), is_verbose(), note)
