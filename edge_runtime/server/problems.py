"""Errors of the API: ``application/problem+json`` (RFC 9457), with the sentence that the command line would print."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from edge_runtime.cameras.protocol import CameraFault
from edge_runtime.errors import NO_SPACE, BadImage, EnvironmentLacks, NotConclusive, ThinsmearError, WrongUsage
from edge_runtime.sessions.store.connection import FULL, StoreProblem

LOG = logging.getLogger("thinsmear.serve")
MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer that is no success.

    Attributes:
        status: of HTTP.
        kind: short machine-readable reason.
        detail: a sentence for people.
        headers: of the answer, for instance Retry-After.
    """

    def __init__(self, status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The answer."""
        content = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "kind": self.kind,
        }
        return JSONResponse(content, self.status, self.headers, media_type=MEDIA_TYPE)


def busy(seconds: float, detail: str) -> Problem:
    """503 with the time after which another try makes sense."""
    return Problem(503, "busy", detail, {"Retry-After": str(max(1, round(seconds)))})


def stopping() -> Problem:
    """503 for what comes while the server ends."""
    return Problem(503, "stopping", "The server is ending; try again when it is back.", {"Retry-After": "10"})


def problem_of(error: ThinsmearError | OSError) -> Problem:
    """What an error of the program's own means to a caller."""
    text = str(error)
    if isinstance(error, BadImage):
        return Problem(422, error.kind, text)
    if isinstance(error, WrongUsage):
        return Problem(422, "wrong-usage", text)
    if isinstance(error, NotConclusive):
        return Problem(409, "not-conclusive", text)
    if isinstance(error, CameraFault):
        return Problem(503, "camera", text, {"Retry-After": "5"})
    if isinstance(error, StoreProblem):
        return Problem(507 if error.kind == FULL else 503, "store", text)
    if isinstance(error, EnvironmentLacks):
        return Problem(507 if error.kind == NO_SPACE else 501, error.kind, text)
    if isinstance(error, OSError):
        return Problem(503, "store", f"The store's disk failed: {error.strerror or type(error).__name__}.")
    return Problem(500, "internal", text)


def install_handlers(app: FastAPI) -> None:
    """Make every error of an application, the framework's own included, a problem document.

    What nobody expects passes, to :func:`unexpected` in the outermost layer.
    """
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(ThinsmearError, _own)
    app.add_exception_handler(OSError, _own)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ClientDisconnect, _gone)


def _problem(_: Request, error: Any) -> Response:
    answer: Response = error.response()
    return answer


def _own(_: Request, error: Any) -> Response:
    problem = problem_of(error)
    if problem.status >= 500:
        LOG.warning("%s", problem.detail)
    return problem.response()


def _framework(_: Request, error: Any) -> Response:
    details = {
        404: ("not-found", "There is nothing at this address; /openapi.json lists what there is."),
        405: ("method-not-allowed", "This address does not take that method; the header Allow names those it takes."),
    }
    kind, detail = details.get(error.status_code, ("http", f"{error.detail}."))
    return Problem(error.status_code, kind, detail, error.headers).response()


def _invalid(_: Request, error: Any) -> Response:
    """Names what is wrong and where; never repeats the value, which may be anything."""
    found = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:5]]
    return Problem(422, "invalid-request", f"The request is not as documented: {'; '.join(found)}.").response()


def _gone(_: Request, __: Any) -> Response:
    return Problem(400, "disconnected", "The upload ended before it was complete.").response()


def unexpected(error: Exception) -> Response:
    """What nobody foresaw: the log has all of it, the caller nothing."""
    LOG.error("unexpected %s", type(error).__name__, exc_info=error)
    return Problem(500, "internal", "Something went wrong inside the server; its log says more.").response()
