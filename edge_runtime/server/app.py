"""The application: routes, problems and middleware around one service."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from edge_runtime import __version__
from edge_runtime.core.card import RESEARCH_USE
from edge_runtime.server.access.bodies import Bodies
from edge_runtime.server.access.door import Connections
from edge_runtime.server.access.guard import Guard
from edge_runtime.server.access.middleware import Outer
from edge_runtime.server.api import device, grid, images, left_out, live, reports, review, sessions
from edge_runtime.server.api.schemas import ProblemDocument
from edge_runtime.server.page import routes
from edge_runtime.server.problems import install_handlers
from edge_runtime.server.service import Service
from edge_runtime.server.settings import Settings
from edge_runtime.server.systemd import Notifier

_ROUTERS = (device, images, sessions, review, grid, left_out, reports, live, routes)
_ABOUT = f"""Thin blood smears: cells, whole fields, counting sessions, review, report. {RESEARCH_USE}

Images are sent as `multipart/form-data` in parts named `files`. Errors are `application/problem+json`. Programs on
other devices send `Authorization: Bearer TOKEN`."""


def create_app(settings: Settings, notifier: Notifier | None = None, connections: Connections | None = None) -> FastAPI:
    """An ASGI application; its threads run between the lifespan's start and end.

    Args:
        connections: of the server's door; None where there is none, as in tests.

    Raises:
        ThinsmearError, OSError: as :class:`edge_runtime.server.service.Service`.
    """
    service = Service(settings, notifier)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    # no pages with the documentation: they load their scripts from elsewhere
    app = FastAPI(
        title="thinsmear",
        version=__version__,
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.service = service
    install_handlers(app)
    for module in _ROUTERS:
        app.include_router(module.router)
    app.add_middleware(Bodies)  # the last one is the outermost
    app.add_middleware(Guard, settings=settings, keys=service.keys, guesses=service.logins)
    app.add_middleware(
        Outer,
        metrics=service.metrics,
        most_drained=settings.max_upload,
        connections=connections or Connections(),
    )
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The framework's document, with our problems in the place of its own, and how callers show who they are."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        schemas[ProblemDocument.__name__] = ProblemDocument.model_json_schema()
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{}, {"token": []}]
        app.openapi_schema = document
    return app.openapi_schema
