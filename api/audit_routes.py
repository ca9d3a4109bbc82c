"""REST of the audit: `GET /api/v1/audit` pages through the log, `POST /api/v1/audit/verify` proves it. Both write nothing."""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

import anyio.to_thread
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from aetherius.access.answers import json_answer
from aetherius.access.errors import ForbiddenError, InvalidArgumentError, StoppingError
from aetherius.access.idempotency import Key
from aetherius.access.moment import aware, known_position, position_by
from aetherius.access.routes import Reach, RoomRoutes
from aetherius.access.signing_in import SignedIn
from aetherius.access.user import Role, User
from aetherius.api.settings import ApiSettings
from aetherius.domain.errors import UnknownEventError
from aetherius.domain.event import topics_of
from aetherius.event_store.audit.anchor import Anchor, AnchorFile, AnchorSink
from aetherius.event_store.audit.anchor_bucket import AnchorBucket
from aetherius.event_store.audit.ledger_audit import AuditReport, AuditStoppedError
from aetherius.event_store.audit.trail import AuditRunningError, Repeatable, Trail, TrailEntry, TrailPage, Wanted
from aetherius.event_store.log import Log

MAX_PAGE = 500


class AuditQuery(BaseModel):
    """The query of `GET /audit`. A name that is not known is refused: a filter that is misspelt must not show too much."""

    model_config = ConfigDict(extra="forbid")

    actor: str | None = Field(None, max_length=300)
    type: str | None = Field(None, max_length=200)
    stream: UUID | None = None
    correlation: UUID | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    as_of: str | None = Field(None, max_length=40)
    cursor: str | None = Field(None, max_length=100)
    limit: int = Field(50, ge=1, le=MAX_PAGE)


@asynccontextmanager
async def routes(settings: ApiSettings, reach: Reach) -> AsyncIterator[RoomRoutes]:
    """The audit's routes, over connections of their own: an audit may hold one for minutes.

    Raises:
        AnchorUnavailableError: the anchors' bucket is no bucket's URL.
    """
    anchors = partial(_anchors, _anchor_sinks(settings), settings.anchor_key_id)
    trail = Trail(settings.postgres_dsn, sealing=reach.log.sealing)
    try:
        yield RoomRoutes(_router(trail, reach.log, reach.signed_in, anchors), {AuditRunningError: 409})
    finally:
        await anyio.to_thread.run_sync(trail.close)


def _router(trail: Trail, log: Log, who: SignedIn, anchors: Callable[[], Iterator[Anchor]]) -> APIRouter:
    router, signed_in = APIRouter(tags=["audit"]), Depends(who)

    @router.get("/audit")
    async def audit(request: Request, query: Annotated[AuditQuery, Query()], user: User = signed_in) -> Response:
        """The log, newest first, by who, what, where and when."""
        wanted = _wanted(query)
        as_of = await anyio.to_thread.run_sync(_as_of, log, query.as_of)
        before = None if query.cursor is None else _place(query.cursor)
        page = await anyio.to_thread.run_sync(lambda: trail.page(wanted, before=before, as_of=as_of, limit=query.limit))
        return json_answer(_page(page), {"Link": link} if (link := _next(request, page)) else {})

    @router.post("/audit/verify")
    async def verify(user: User = signed_in, key: Key = None) -> Response:
        """Prove the log from its first event, and compare it with the heads that were noted."""
        if user.role is not Role.OPERATOR:
            raise ForbiddenError("audit/verify", Role.OPERATOR)
        request = None if key is None else Repeatable(user.name, key)
        report, repeated = await _verified(trail, anchors, request)
        return json_answer(_report(report), {"Idempotent-Replayed": "true"} if repeated else {})

    return router


async def _verified(
    trail: Trail, anchors: Callable[[], Iterator[Anchor]], request: Repeatable | None
) -> tuple[AuditReport, bool]:
    """The report, and whether it is that of an earlier request; an audit whose request is cancelled, as when the process stops, ends at the next batch."""
    stopped = threading.Event()
    try:
        return await anyio.to_thread.run_sync(
            lambda: trail.verify(anchors(), stopped.is_set, request), abandon_on_cancel=True
        )
    except AuditStoppedError as exc:
        raise StoppingError from exc
    finally:
        stopped.set()


def _anchor_sinks(settings: ApiSettings) -> list[AnchorSink]:
    """Where heads of the log were noted. Raises ``AnchorUnavailableError`` for what is no bucket's URL."""
    sinks: list[AnchorSink] = []
    if settings.anchor_file:
        sinks.append(AnchorFile(settings.anchor_file, may_be_missing=True))  # nothing was noted yet
    return [*sinks, AnchorBucket(settings.anchor_bucket)] if settings.anchor_bucket else sinks


def _anchors(sinks: Sequence[AnchorSink], key_id: str) -> Iterator[Anchor]:
    return chain.from_iterable(sink.anchors(key_id) for sink in sinks)


def _wanted(query: AuditQuery) -> Wanted:
    return Wanted(
        actor=query.actor,
        topics=None if query.type is None else _topics(query.type),
        stream=query.stream,
        correlation=query.correlation,
        since=query.since and aware(query.since, "since"),
        until=query.until and aware(query.until, "until"),
    )


def _topics(kind: str) -> tuple[str, ...]:
    try:
        return topics_of([kind])
    except UnknownEventError as exc:
        raise InvalidArgumentError("type", "is no type of event, as Incident.Opened is one") from exc


def _as_of(log: Log, text: str | None) -> int | None:
    """A position, or the last one at a recorded time. Blocks."""
    if text is None:
        return None
    if text.isdecimal() and text.isascii():
        return known_position(log, int(text), "as_of")
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = datetime.min
    if time.tzinfo is None:
        raise InvalidArgumentError("as_of", "must be a position, or a time with its zone, as 2026-11-23T12:00:00Z")
    return position_by(log, time, "as_of")


def _next(request: Request, page: TrailPage) -> str:
    """The Link to what is older; empty at the log's beginning."""
    if page.before <= 1:
        return ""
    query = urlencode({**request.query_params, "cursor": _cursor(page.before)})
    return f'<{request.url.path}?{query}>; rel="next"'


def _cursor(before: int) -> str:
    return base64.urlsafe_b64encode(f"audit:{before}".encode()).decode().rstrip("=")


def _place(cursor: str) -> int:
    try:
        name, _, before = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(":")
        if name == "audit" and before.isdecimal() and before.isascii():
            return min(int(before), 2**63 - 1)
    except (binascii.Error, ValueError):
        pass
    raise InvalidArgumentError("cursor", "is none of this list: take it from the Link of the page before")


def _page(page: TrailPage) -> dict[str, Any]:
    return {"items": [_item(entry) for entry in page.entries]}


def _item(entry: TrailEntry) -> dict[str, Any]:
    recorded = entry.recorded
    return {
        "position": recorded.position,
        "id": recorded.id,
        "stream_id": recorded.stream_id,
        "version": recorded.version,
        "type": recorded.event.type_name,
        "recorded_at": entry.recorded_at,
        "occurred_at": recorded.occurred_at,
        "actor": recorded.cause.actor,
        "correlation_id": recorded.cause.correlation_id,
        "causation_id": recorded.cause.causation_id,
        "data": recorded.event,
    }


def _report(report: AuditReport) -> dict[str, Any]:
    return {
        "intact": report.intact,
        "events": report.events,
        "entries": report.entries,
        "anchors": report.anchors,
        "head": {"position": report.head.position, "hash": report.head.hash.hex()},
        "findings": report.findings,
        "total": report.total,
    }
