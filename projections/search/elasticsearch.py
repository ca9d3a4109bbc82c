"""The search port on Elasticsearch 9: one index a month and generation, one alias that questions go to, external versions, and nothing that a plain node lacks.

No scripts, no ingest pipelines, no data streams, no reindexing. Documents are encoded here, in one go, which is faster than the client's own way.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import msgspec
from elastic_transport import TransportError
from elasticsearch import ApiError, AsyncElasticsearch, NotFoundError

from aetherius.projections.errors import SearchUnavailableError
from aetherius.projections.search.document import NAMES, Document
from aetherius.projections.search.elasticsearch_query import answer_of, body_of, too_many
from aetherius.projections.search.index import Answer, Rejected
from aetherius.projections.search.metrics import BULK_SECONDS
from aetherius.projections.search.query import Query
from aetherius.projections.search.words import VERSION

logger = logging.getLogger(__name__)

REQUEST_BYTES: Final = 8 * 1024 * 1024
"""Of one bulk request, about: servers refuse more than 100 MB, and long before that it only takes memory."""
PART: Final = 1_000
"""Documents of one request at most."""
AT_A_TIME: Final = 2
"""Requests under way: the server works on one while the other is read and answered."""
_DAY: Final = 86_400_000
_IDS: Final = 1_000
_FIELDS: Final = "errors,items.*.status,items.*.error.type,items.*.error.reason"
_WAITS: Final = frozenset({"cluster_block_exception", "unavailable_shards_exception", "index_not_found_exception"})
"""Errors of one document that are not its fault, whatever their status."""
_MAPPINGS: Final[dict[str, Any]] = {
    "dynamic": "strict",
    "_meta": {"words": VERSION},
    "properties": {
        **{name: {"type": "keyword"} for name in NAMES},
        **{name: {"type": "long"} for name in ("position", "version", "count")},
        "occurred_at": {"type": "date", "format": "epoch_millis"},
        "message": {"type": "keyword", "index": False, "doc_values": False},
        "text": {"type": "text", "analyzer": "whitespace", "norms": False},
        "data": {"type": "object", "enabled": False},
    },
}
_UNTOLD: Final = 1
"""The version of words of an index from before indices told it."""
_encode: Final = msgspec.json.Encoder().encode


class _Place(msgspec.Struct, frozen=True):
    _index: str
    _id: str
    version: int
    version_type: str = "external"


class _Action(msgspec.Struct, frozen=True):
    index: _Place


_Lines = list[tuple[Document | None, bytes]]
"""What one request stores: documents, and the mark (None), each with its lines."""


class ElasticsearchIndex:
    """`SearchIndex` on Elasticsearch. Generation 0 only answers questions: it is whichever one serves."""

    def __init__(self, client: AsyncElasticsearch, prefix: str = "aetherius", generation: int = 0) -> None:
        """
        Args:
            client: closed by whoever opened it.
            prefix: of the names of all indices and templates.
        """
        self._client = client
        self._prefix = prefix
        self.generation = generation
        self._alias = f"{prefix}-search"
        self._serves = False
        self._known: set[str] = set()

    async def prepare(self) -> None:
        """See `SearchIndex`."""
        settings = {"number_of_shards": 1, "auto_expand_replicas": "0-1", "refresh_interval": "1s"}
        with _reported("prepare"):
            await self._client.indices.put_index_template(
                name=self._alias,
                index_patterns=[f"{self._prefix}-g*"],
                template={"settings": settings, "mappings": _MAPPINGS},
                priority=200,
            )

    async def index(self, documents: Sequence[Document], upto: int) -> list[Rejected]:
        """See `SearchIndex`."""
        names = [self._name(month_of(each.occurred_at)) for each in documents]
        await self._make(names)
        parts = [*_parts(documents, names)] or [[]]
        mark = _Action(_Place(self._name("upto"), "mark", max(upto, 1)))
        parts[-1].append((None, _encode(mark) + b"\n" + _encode({"position": upto})))
        sending = asyncio.Semaphore(AT_A_TIME)

        async def send(part: _Lines) -> list[Rejected]:
            async with sending:
                return await self._bulk(part)

        answers = await asyncio.gather(*map(send, parts), return_exceptions=True)
        return [each for answer in answers for each in _or_raised(answer)]

    async def mark(self) -> int:
        """See `SearchIndex`."""
        with _reported("ask for the mark of"):
            try:
                found = await self._client.get(index=self._name("upto"), id="mark")
            except NotFoundError:
                return 0
        return int(found["_source"]["position"])

    async def words(self) -> int:
        """See `SearchIndex`."""
        with _reported("ask for the words of"):
            held = await self._client.indices.get(index=self._name("m*"), features="mappings")
        told = [its["mappings"].get("_meta", {}).get("words", _UNTOLD) for its in held.body.values()]
        return min(told, default=VERSION)

    async def search(self, query: Query) -> Answer:
        """See `SearchIndex`."""
        try:
            with _reported("search"):
                return answer_of(query, await self._search(body_of(query)))
        except SearchUnavailableError as exc:
            if "too_many_buckets" in str(exc):
                raise too_many(next(iter(query.aggregations))) from exc
            raise

    async def window(self, after: int, upto: int, limit: int) -> list[Document]:
        """See `SearchIndex`."""
        asked = {"range": {"position": {"gt": after, "lte": upto}}}
        with _reported("read"):
            found = await self._search({"query": asked, "size": limit, "sort": [{"position": "asc"}, {"id": "asc"}]})
        return _documents(found)

    async def get(self, ids: Sequence[str]) -> dict[str, Document]:
        """See `SearchIndex`."""
        found: list[Document] = []
        with _reported("read"):
            for start in range(0, len(ids), _IDS):
                some = list(ids[start : start + _IDS])
                found += _documents(await self._search({"query": {"terms": {"id": some}}, "size": _IDS}))
        return {each.id: each for each in found}

    async def count(self) -> int:
        """See `SearchIndex`."""
        with _reported("count"):
            found = await self._client.count(index=self._target, ignore_unavailable=True)
        return int(found["count"])

    async def refresh(self) -> None:
        """See `SearchIndex`."""
        with _reported("refresh"):
            await self._client.indices.refresh(index=self._target, ignore_unavailable=True)

    async def serve(self) -> None:
        """See `SearchIndex`."""
        with _reported("swap the alias of"):
            held = await self._client.indices.get(index=f"{self._prefix}-g*", features="aliases")
            ours = self._name("")
            actions: list[dict[str, Any]] = []
            for name, its in held.body.items():
                wanted = name.startswith(ours) and _is_month(name)
                if wanted != (self._alias in its.get("aliases", {})):
                    actions.append({"add" if wanted else "remove": {"index": name, "alias": self._alias}})
            if actions:
                await self._client.indices.update_aliases(actions=actions)
        self._serves = True

    async def drop(self) -> None:
        """See `SearchIndex`."""
        with _reported("remove"):
            held = await self._client.indices.get(index=self._name("*"), features="aliases")
            if held.body:
                await self._client.indices.delete(index=",".join(held.body), ignore_unavailable=True)
        self._known.clear()

    @property
    def _target(self) -> str:
        return self._name("m*") if self.generation else self._alias

    def _name(self, end: str) -> str:
        return f"{self._prefix}-g{self.generation}-{end}"

    async def _search(self, body: dict[str, Any]) -> dict[str, Any]:
        found = await self._client.search(index=self._target, ignore_unavailable=True, body=body)
        if found.get("timed_out") or found["_shards"]["failed"]:
            raise SearchUnavailableError("a part of the index did not answer")
        return dict(found)

    async def _make(self, names: Iterable[str]) -> None:
        """Make the indices that are missing: with the alias if this generation serves."""
        for name in sorted(set(names) - self._known):
            with _reported("make"):
                aliases: dict[str, Any] = {self._alias: {}} if self._serves else {}
                try:
                    await self._client.indices.create(index=name, aliases=aliases)
                except ApiError as exc:
                    if "resource_already_exists" not in str(exc.body):
                        raise
            self._known.add(name)

    async def _bulk(self, part: _Lines) -> list[Rejected]:
        try:
            with BULK_SECONDS.time(), _reported("write to"):
                lines: list[Any] = [line for _, line in part]  # bytes are sent as they are
                answer = await self._client.bulk(operations=lines, filter_path=_FIELDS)
        except SearchUnavailableError as exc:
            if getattr(exc.__cause__, "status_code", None) != 413:
                raise
            return await self._bulk_less(part, exc)
        if not answer["errors"]:
            return []
        return list(self._refused(part, answer["items"]))

    async def _bulk_less(self, part: _Lines, exc: SearchUnavailableError) -> list[Rejected]:
        """The request was too large."""
        if len(part) == 1:
            if part[0][0] is None:
                raise exc
            return [Rejected(part[0][0], f"too large: {exc}")]
        half = len(part) // 2
        return [*await self._bulk(part[:half]), *await self._bulk(part[half:])]

    def _refused(self, part: _Lines, items: list[dict[str, Any]]) -> Iterator[Rejected]:
        for (document, _), item in zip(part, items, strict=True):
            status, error = item["index"]["status"], item["index"].get("error", {})
            kind, reason = error.get("type", ""), str(error.get("reason", ""))
            if status < 300 or status == 409:
                continue  # 409: this version, or a later one, is there
            if status == 429 or status >= 500 or kind in _WAITS:
                self._known.clear()
                raise SearchUnavailableError(f"the index takes no writes: {kind}: {reason}")
            if document is None:
                raise SearchUnavailableError(f"the index takes no mark: {kind}: {reason}")
            yield Rejected(document, f"{kind}: {reason}"[:2000])


def _parts(documents: Sequence[Document], names: Sequence[str]) -> Iterator[_Lines]:
    """Documents with their lines, in requests of a fair size."""
    part: _Lines = []
    size = 0
    for document, name in zip(documents, names, strict=True):
        line = _encode(_Action(_Place(name, document.id, document.position))) + b"\n" + _encode(document)
        if len(part) == PART or (part and size + len(line) > REQUEST_BYTES):
            yield part
            part, size = [], 0
        part.append((document, line))
        size += len(line)
    if part:
        yield part


def _or_raised(answer: list[Rejected] | BaseException) -> list[Rejected]:
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _documents(found: dict[str, Any]) -> list[Document]:
    return [msgspec.convert(hit["_source"], Document) for hit in found["hits"]["hits"]]


def month_of(occurred_at: int) -> str:
    """As in the name of an index: `m2026.11`."""
    return _month_of_day(occurred_at // _DAY)


@cache
def _month_of_day(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).strftime("m%Y.%m")


def _is_month(name: str) -> bool:
    return re.search(r"-m\d{4}\.\d\d$", name) is not None


@contextmanager
def _reported(doing: str) -> Iterator[None]:
    """Turn the client's errors into ours."""
    try:
        yield
    except (TimeoutError, ApiError, TransportError) as exc:
        raise SearchUnavailableError(f"cannot {doing} the search index: {_reason(exc)}"[:2000]) from exc


def _reason(exc: Exception) -> str:
    """In words: the client keeps those about TLS and connections to itself."""
    said = str(exc)
    more = str(exc.message) if isinstance(exc, TransportError) else ""
    return said if more in said else f"{said}: {more}"
