"""Routes about the server itself: what it is, whether it works, signing in, its figures, the QR code."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from edge_runtime import __version__
from edge_runtime.core.card import RESEARCH_USE
from edge_runtime.counting.stop_rules import PRESETS
from edge_runtime.server import metrics
from edge_runtime.server.access import address as qr
from edge_runtime.server.access.guard import CALLER, LOCAL, SIGNED_IN, cookie_name
from edge_runtime.server.access.tokens import COOKIE_LIFE
from edge_runtime.server.api.openapi import file_answer, problems
from edge_runtime.server.api.schemas import Health, Info, Login
from edge_runtime.server.problems import LOG, Problem
from edge_runtime.server.service import Service
from edge_runtime.sessions.records import SPECIES, STAGES, STAINS, VERDICTS
from edge_runtime.sessions.store.orphans import quarantined

router = APIRouter(tags=["device"])


@router.get("/v1/info", response_model=Info, responses=problems(), summary="What this server is")
def info(request: Request) -> Any:
    """Open to everybody; names of the model and the camera only after signing in."""
    service: Service = request.app.state.service
    signed_in = bool(request.scope[SIGNED_IN])
    document: dict[str, Any] = {
        "software": __version__,
        "research_use": RESEARCH_USE,
        "signed_in": signed_in,
        "token_needed": service.keys is not None,
        "model": None,
        "camera": None,
        "store": True,
        "quarantined": 0,
        "qr": None,
        "stains": list(STAINS),
        "stop_rules": {name: rule.cells for name, rule in PRESETS.items()},
        "stop_rules_low": {name: rule.cells_when_low for name, rule in PRESETS.items() if rule.cells_when_low},
        "verdicts": VERDICTS,
        "species": list(SPECIES),
        "stages": list(STAGES),
        "limits": {"upload_bytes": service.settings.max_upload, "files": service.settings.max_files},
    }
    if signed_in:
        document["quarantined"] = len(quarantined(service.settings.store))
        card = service.classifier.card
        document["model"] = {
            "id": service.classifier.model.id,
            "name": str(card.details.get("name") or service.classifier.model.path.stem),
            "review_point": card.points.review,
            "count_point": card.points.count,
        }
        if service.live is not None:
            document["camera"] = {"spec": service.live.spec}
        if _shows_qr(request, service):
            document["qr"] = "/v1/qr.svg"
    return JSONResponse(document)


@router.post("/v1/login", status_code=204, responses=problems(), summary="Get a cookie for the token")
def login(request: Request, said: Login) -> Response:
    """For browsers: the token of the QR code against a cookie that lasts a week."""
    service: Service = request.app.state.service
    answer = Response(status_code=204)
    if service.keys is None:
        return answer
    if not service.keys.is_token(said.token):
        service.logins.check(request.scope[CALLER])
        raise Problem(401, "wrong-token", "That is not this server's token; scan its QR code again.",
                      {"WWW-Authenticate": 'Bearer realm="thinsmear"'})  # fmt: skip
    answer.set_cookie(
        cookie_name(service.settings),
        service.keys.new_cookie(),
        max_age=COOKIE_LIFE,
        path="/",
        secure=service.settings.tls,
        httponly=True,
        samesite="strict",
    )
    return answer


@router.post("/v1/logout", status_code=204, responses=problems(), summary="Give the cookie back")
def logout(request: Request) -> Response:
    """The cookie is good no more, here and for whoever copied it."""
    service: Service = request.app.state.service
    answer = Response(status_code=204)
    name = cookie_name(service.settings)
    if service.keys is not None and name in request.cookies:
        try:
            service.keys.sign_out(request.cookies[name])
        except OSError as error:
            LOG.warning("A cookie that was signed out is good again after a restart: %s.", error.strerror)
        answer.delete_cookie(name, path="/", secure=service.settings.tls, httponly=True, samesite="strict")
    return answer


@router.get(
    "/v1/qr.svg",
    responses={**problems(404), **file_answer("The QR code.", "image/svg+xml")},
    response_class=Response,
    summary="The QR code that signs a phone in",
)
def qr_code(request: Request) -> Response:
    """For the device's own screen only; from anywhere else there is nothing here."""
    service: Service = request.app.state.service
    if not _shows_qr(request, service) or service.settings.token is None:
        raise Problem(404, "not-found", "The QR code is shown on the device's own screen only.")
    address = qr.addresses(service.settings, service.port)[0]
    return Response(qr.svg(qr.link(address, service.settings.token)), media_type="image/svg+xml")


@router.get("/healthz", response_model=Health, responses=problems(), summary="Whether the server answers")
async def healthz() -> Any:
    """Open to everybody; says nothing else."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz", response_model=Health, responses=problems(), summary="Whether work would be done")
async def readyz(request: Request) -> Any:
    """503 while no worker is running, one hangs, or the server is ending."""
    service: Service = request.app.state.service
    ready, why = service.is_ready()
    if not ready:
        raise Problem(503, "not-ready", why, {"Retry-After": "5"})
    return JSONResponse({"status": "ready"})


@router.get(
    "/metrics",
    responses={
        **problems(),
        200: {"description": "Figures.", "content": {"text/plain": {"schema": {"type": "string"}}}},
    },
    response_class=Response,
    summary="Figures for Prometheus",
)
def figures(request: Request) -> Response:
    """The text format 0.0.4; docs/serve.md names the figures."""
    service: Service = request.app.state.service
    return Response(service.metrics.text(), media_type=metrics.MEDIA_TYPE)


def _shows_qr(request: Request, service: Service) -> bool:
    settings = service.settings
    return bool(request.scope[LOCAL]) and settings.token is not None and not settings.token_for_all
