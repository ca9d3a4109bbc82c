"""RFC 9457: how errors of the REST routes look. Every one names what was wrong, and where; nothing of our insides leaves."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from aetherius.access.error_codes import extensions_of
from aetherius.access.errors import ForbiddenError
from aetherius.domain.errors import AetheriusError, InfrastructureError

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


def explain_errors(app: FastAPI, statuses: dict[type[AetheriusError], int]) -> None:
    """Answer every error of an application with a problem.

    Args:
        statuses: of errors that are not simply the client's (400) or ours (503).
    """
    known: dict[type[AetheriusError], int] = {ForbiddenError: 403, **statuses}

    async def refused(request: Request, exc: Exception) -> JSONResponse:
        assert isinstance(exc, AetheriusError)
        status = known.get(type(exc), 503 if isinstance(exc, InfrastructureError) else 400)
        if isinstance(exc, InfrastructureError):
            logger.warning("a request was not answered: %s", exc)
        return problem(status, str(exc), headers={"Retry-After": "5"} if status == 503 else {}, **extensions_of(exc))

    async def http(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)
        headers = dict(exc.headers or {})
        if request.method == "OPTIONS" and exc.status_code == 405:
            return Response(None, 204, headers)  # what may be asked of this place: its Allow says so
        return problem(exc.status_code, exc.detail, headers=headers, code=_code(exc.status_code))

    async def invalid(request: Request, exc: Exception) -> JSONResponse:
        assert isinstance(exc, RequestValidationError)
        first = exc.errors()[0]
        field, rule = ".".join(str(part) for part in first["loc"][1:]), first["msg"]
        return problem(400, f"{field}: {rule}", code="INVALID_ARGUMENT", field=field, rule=rule)

    async def unforeseen(request: Request, exc: Exception) -> JSONResponse:
        number = uuid4().hex[:12]
        logger.error("error %s in a request", number, exc_info=exc)
        return problem(500, f"internal error {number}", code="INTERNAL", error=number)

    app.add_exception_handler(AetheriusError, refused)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, unforeseen)


def _code(status: int) -> str:
    return "NO_TOKEN" if status == 401 else HTTPStatus(status).name


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **more: Any) -> JSONResponse:
    """A problem. `type` is about:blank: `title` is the status's own, `code` is what programs go by."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return JSONResponse(body, status, headers, media_type=MEDIA_TYPE)
