"""The search port: documents in, by version; questions out. Served by Elasticsearch or by PostgreSQL, which answer alike; `tests/contracts/search` holds both to it.

A repeat is harmless: a document is kept under its id with its position as version, and one with the same or a lower position changes nothing. What was indexed is found
after the next refresh, within about a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from aetherius.projections.search.document import Document
from aetherius.projections.search.query import Query


class Rejected(msgspec.Struct, frozen=True):
    """A document that the server refused for itself: repeating it changes nothing."""

    document: Document
    reason: str


class Bucket(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of an aggregation. `key`: a value, or the beginning of a stretch of time in milliseconds since 1970."""

    key: str | int
    count: int
    by: list[Bucket] = []


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was found."""

    total: int
    """Documents that match; not counted beyond 10,000."""
    documents: list[Document]
    cursor: str | None = None
    """For the next page; None if this was the last."""
    aggregations: dict[str, list[Bucket]] = {}


class SearchIndex(Protocol):
    """One generation of the index: the live one, or one that is built beside it.

    Every method may raise ``SearchUnavailableError``: the server is away, overloaded or takes no writes. Safe to repeat, as all of them are.
    """

    generation: int

    async def prepare(self) -> None:
        """Make what must be there before the first document. Safe from replicas that start together."""

    async def index(self, documents: Sequence[Document], upto: int) -> list[Rejected]:
        """Return once the documents (no id twice) are stored for good, with a mark that everything up to position `upto` is; or say which were refused."""

    async def mark(self) -> int:
        """The highest `upto`; 0 for an index that is new, or was lost."""

    async def words(self) -> int:
        """The oldest version of `words.py` that its documents were cut by; today's for an index without any."""

    async def search(self, query: Query) -> Answer:
        """Answer a checked question. Raises ``InvalidQueryError`` if that is too much: a histogram of too many stretches."""

    async def window(self, after: int, upto: int, limit: int) -> list[Document]:
        """Documents with a position in (after, upto], in order of position and id, up to `limit` (10,000 at most). For checks, not for people."""

    async def get(self, ids: Sequence[str]) -> dict[str, Document]:
        """The documents of these ids, as far as they exist."""

    async def count(self) -> int:
        """All there are."""

    async def refresh(self) -> None:
        """Return when all that was indexed is found."""

    async def serve(self) -> None:
        """Become the generation that `search` is asked of, in one action."""

    async def drop(self) -> None:
        """Remove this generation."""
