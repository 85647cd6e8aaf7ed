"""Routes of the live view."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from edge_runtime.server.api.openapi import file_answer, problems
from edge_runtime.server.live.streams import EVENTS, MJPEG, Stream, events, pictures
from edge_runtime.server.problems import Problem, busy
from edge_runtime.server.service import Service

router = APIRouter(tags=["live"])


@router.get(
    "/v1/live.mjpeg",
    responses={**problems(409), **file_answer("Pictures without end.", "multipart/x-mixed-replace")},
    response_class=Response,
    summary="The live picture",
)
async def live_mjpeg(request: Request) -> Response:
    """JPEG pictures of at most 960 pixels across; a slow viewer gets fewer, and always the newest."""
    service: Service = request.app.state.service
    live = service.live
    if live is None:
        raise _no_camera()
    if live.viewers >= service.settings.viewers:
        raise busy(10, f"{service.settings.viewers} live views are open already; close one.")
    return Stream(lambda: pictures(live, lambda: service.ending), MJPEG)


@router.get(
    "/v1/live/events",
    responses={**problems(409), **file_answer("Events without end.", "text/event-stream")},
    response_class=Response,
    summary="The live view in words",
)
async def live_events(request: Request) -> Response:
    """Server-sent events: focus against the best of the last minute, exposure, density, and the camera's news."""
    service: Service = request.app.state.service
    live, glances = service.live, service.glances
    if live is None or glances is None:
        raise _no_camera()
    if live.listeners >= service.settings.viewers:
        raise busy(10, f"{service.settings.viewers} live views are open already; close one.")
    return Stream(lambda: events(live, glances, lambda: service.ending), EVENTS)


def _no_camera() -> Problem:
    return Problem(409, "no-camera", "This server has no camera; start it with --camera, or upload image files.")
