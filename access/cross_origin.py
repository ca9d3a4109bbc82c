"""Browsers' pages of other origins (CORS): refused, but for the origins that a setting names. What is allowed is a request with a token in its header: no
cookie is ever looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

_ASKED: Final = (
    "authorization",
    "content-type",
    "content-encoding",
    "idempotency-key",
    "if-none-match",
    "last-event-id",
)
_TOLD: Final = ("etag", "link", "idempotent-replayed", "retry-after", "www-authenticate")
_REMEMBERED: Final = 600
"""Seconds that a browser need not ask again."""


def allow_origins(app: FastAPI, origins: Sequence[str]) -> None:
    """Let pages of these origins ask (`*`: of any). None: not even the headers are sent."""
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST", "OPTIONS"],
            allow_headers=list(_ASKED),
            expose_headers=list(_TOLD),
            max_age=_REMEMBERED,
        )
