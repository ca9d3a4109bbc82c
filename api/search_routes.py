"""REST of the search: `POST /api/v1/events/search`, `GET /api/v1/events/{id}`. Both write nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import anyio.to_thread
import msgspec
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from aetherius.access.answers import json_answer
from aetherius.access.idempotency import Key
from aetherius.access.json_door import decode_json
from aetherius.access.routes import Reach, RoomRoutes
from aetherius.access.signing_in import SignedIn
from aetherius.access.user import User
from aetherius.api.settings import ApiSettings
from aetherius.projections.models import EVENTS
from aetherius.projections.queries import ReadModels
from aetherius.projections.search.document import Document
from aetherius.projections.search.index import Answer, Bucket, SearchIndex
from aetherius.projections.search.opening import search_server
from aetherius.projections.search.query import MAX_COUNTED, Histogram, Query, query_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@asynccontextmanager
async def routes(settings: ApiSettings, reach: Reach) -> AsyncIterator[RoomRoutes]:
    """The search's routes, over the index that serves."""
    async with search_server(settings) as server:
        yield RoomRoutes(_router(server.generations(0), reach.models, reach.signed_in))


def _router(index: SearchIndex, models: ReadModels, who: SignedIn) -> APIRouter:
    router, signed_in = APIRouter(tags=["search"]), Depends(who)

    @router.post("/events/search", openapi_extra={"requestBody": _body(), "responses": _ANSWERS})
    async def search(request: Request, key: Key = None, user: User = signed_in) -> Response:
        """Find observations, incidents and events of the audit trail by words, fields and ranges; count them by value and by time."""
        body = await request.body() or b"{}"
        decode_json(body)  # what no door takes, whatever the question is
        query = query_of(body)
        answer = await index.search(query)
        return await anyio.to_thread.run_sync(lambda: json_answer(_shown(query, answer)))

    @router.get("/events/{id}")
    async def event(id: UUID, user: User = signed_in) -> Response:
        """One observation, read where lists are read."""
        found = await models.rows(EVENTS, [id])
        if id not in found:
            raise HTTPException(404, f"id: there is no event {id}")
        return json_answer(found[id].row)

    return router


def _shown(query: Query, answer: Answer) -> dict[str, Any]:
    return {
        "items": [_item(each) for each in answer.documents],
        "total": answer.total,
        "total_is_exact": answer.total < MAX_COUNTED,
        "cursor": answer.cursor,
        "aggregations": {
            name: [_bucket(each, isinstance(query.aggregations[name], Histogram)) for each in buckets]
            for name, buckets in answer.aggregations.items()
        },
    }


def _item(document: Document) -> dict[str, Any]:
    """As people see it: without the words that it is found by."""
    item: dict[str, Any] = msgspec.to_builtins(document)
    item.pop("text", None)
    item["occurred_at"] = _moment(document.occurred_at)
    return item


def _bucket(bucket: Bucket, is_time: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "key": _moment(int(bucket.key)) if is_time else bucket.key,
        "count": bucket.count,
    }
    if bucket.by:
        shown["by"] = [_bucket(each, False) for each in bucket.by]
    return shown


def _moment(milliseconds: int) -> str:
    return (_EPOCH + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _body() -> dict[str, Any]:
    """The question's JSON Schema, in one piece: what it names lies inside it."""
    schema = msgspec.json.schema(Query, ref_template="#/paths/~1api~1v1~1events~1search/post/requestBody/$defs/{name}")
    return {"required": True, "$defs": schema.pop("$defs"), "content": {"application/json": {"schema": schema}}}


_ANSWERS = {
    "200": {"description": "What was found, newest first unless asked otherwise, with a cursor for the next page."},
    "400": {"description": "The question breaks a rule: problem+json with `field` and `rule`."},
    "401": {"description": "A bearer token is needed."},
    "503": {"description": "The index does not answer: try again."},
}
