"""Routes that classify images without keeping them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from edge_runtime.server.api.openapi import UPLOAD_PROBLEMS, problems, upload
from edge_runtime.server.api.schemas import Results
from edge_runtime.server.api.uploads import read_uploads
from edge_runtime.server.service import Service
from edge_runtime.server.work import jobs

router = APIRouter(tags=["images"])


@router.post(
    "/v1/classify",
    response_model=Results,
    responses=problems(*UPLOAD_PROBLEMS),
    openapi_extra=upload("Images of single cells, black outside the cell."),
    summary="Classify images of single cells",
)
async def classify(request: Request) -> Any:
    """What `thinsmear classify --json` prints for the same files; an image that cannot be read has an `error`."""
    service: Service = request.app.state.service
    with service.admission.enter() as place:
        uploads = await read_uploads(request, place, service.settings)
        return JSONResponse({"results": await service.run(jobs.classify_cells(uploads, service.settings.max_pixels))})


@router.post(
    "/v1/fields",
    response_model=Results,
    responses=problems(*UPLOAD_PROBLEMS),
    openapi_extra=upload("Whole microscope fields."),
    summary="Read whole fields",
)
async def fields(request: Request) -> Any:
    """What `thinsmear classify --field --json` prints for the same files."""
    service: Service = request.app.state.service
    with service.admission.enter() as place:
        uploads = await read_uploads(request, place, service.settings)
        return JSONResponse({"results": await service.run(jobs.read_fields(uploads, service.settings.max_pixels))})
