"""The search port on PostgreSQL's full text: a table a generation, a view on the one that serves. For installations without Elasticsearch; it answers the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from operator import attrgetter
from typing import Any, Final

import msgspec
import psycopg
from psycopg import AsyncConnection, errors
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed, Identifier, Literal
from psycopg_pool import AsyncConnectionPool

from aetherius.projections.errors import SearchUnavailableError
from aetherius.projections.search.document import NAMES, Document
from aetherius.projections.search.elasticsearch_query import too_many
from aetherius.projections.search.index import Answer, Bucket, Rejected
from aetherius.projections.search.metrics import BULK_SECONDS
from aetherius.projections.search.postgres_query import Asked
from aetherius.projections.search.query import MAX_BUCKETS, Histogram, Query, Terms, cursor_of
from aetherius.projections.search.words import VERSION
from aetherius.projections.tables import text
from aetherius.readers.tables import MIGRATION_LOCK, SCHEMA

_LIVE: Final = Identifier(SCHEMA, "search_live")
_UNTOLD: Final = 1
"""The version of words of a table from before tables told it."""
_INDEXES: Final = ("time", "position", "cluster", "words")
_names_of: Final = attrgetter(*NAMES)
_encode: Final = msgspec.json.Encoder().encode
_decoder: Final = msgspec.json.Decoder(Document)
_NAMES: Final = SQL(", ").join(map(Identifier, NAMES))
Pool = AsyncConnectionPool[AsyncConnection[TupleRow]]


def pool_of(dsn: str, *, size: int = 4) -> Pool:
    """Connections for an index; whoever makes them opens and closes them."""
    return AsyncConnectionPool(
        dsn,
        kwargs={"autocommit": True, "connect_timeout": 5},
        min_size=1,
        max_size=size,
        timeout=10,
        configure=_configure,
        name="search",
        open=False,
    )


async def _configure(connection: AsyncConnection[TupleRow]) -> None:
    await connection.execute("SET TimeZone = 'UTC'; SET statement_timeout = '30s'; SET client_min_messages = warning")


class PostgresIndex:
    """`SearchIndex` on PostgreSQL. Generation 0 only answers questions: it is whichever one serves."""

    def __init__(self, pool: Pool, generation: int = 0) -> None:
        self._pool = pool
        self.generation = generation
        self._table = f"search_g{generation}"
        self._documents = Identifier(SCHEMA, self._table) if generation else _LIVE

    async def prepare(self) -> None:
        """See `SearchIndex`."""
        async with self._connection() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
            columns = SQL(", ").join(
                SQL('{} text COLLATE "C"').format(Identifier(name)) for name in NAMES if name != "id"
            )
            is_new = not await (await connection.execute(self._sql("search_words"), (self._table,))).fetchall()
            await connection.execute(self._sql("search_table", columns=columns))
            if is_new:
                await connection.execute(self._sql("search_words_set", words=Literal(str(VERSION))))
            for kind in _INDEXES:
                index = Identifier(f"search_g{self.generation}_{kind}")
                await connection.execute(self._sql(f"search_index_{kind}", index=index))

    async def index(self, documents: Sequence[Document], upto: int) -> list[Rejected]:
        """See `SearchIndex`."""
        async with self._connection() as connection, connection.transaction():
            with BULK_SECONDS.time():
                rejected = await self._write(connection, documents)
            await connection.execute(self._sql("search_mark_set"), (self.generation, upto))
        return rejected

    async def mark(self) -> int:
        """See `SearchIndex`."""
        rows = await self._fetch(self._sql("search_mark"), (self.generation,))
        return int(rows[0][0]) if rows else 0

    async def words(self) -> int:
        """See `SearchIndex`."""
        rows = await self._fetch(self._sql("search_words"), (self._table,))
        return int(rows[0][0] or _UNTOLD) if rows else VERSION

    async def search(self, query: Query) -> Answer:
        """See `SearchIndex`."""
        asked = Asked(query, self._documents)
        documents = _decoded(await self._fetch(asked.page(), asked.values)) if query.limit else []
        total = (await self._fetch(asked.total(), asked.values))[0][0]
        shown, more = documents[: query.limit], len(documents) > query.limit
        return Answer(
            total=total,
            documents=shown,
            cursor=cursor_of(query.sort, getattr(shown[-1], query.sort.field), shown[-1].id) if more else None,
            aggregations={
                name: await self._aggregated(asked, name, wanted) for name, wanted in query.aggregations.items()
            },
        )

    async def window(self, after: int, upto: int, limit: int) -> list[Document]:
        """See `SearchIndex`."""
        return _decoded(await self._fetch(self._sql("search_window"), (after, upto, limit)))

    async def get(self, ids: Sequence[str]) -> dict[str, Document]:
        """See `SearchIndex`."""
        found = _decoded(await self._fetch(self._sql("search_get"), (list(ids),)))
        return {each.id: each for each in found}

    async def count(self) -> int:
        """See `SearchIndex`."""
        return int((await self._fetch(self._sql("search_count")))[0][0])

    async def refresh(self) -> None:
        """See `SearchIndex`: everything is found at once."""

    async def serve(self) -> None:
        """See `SearchIndex`."""
        async with self._connection() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
            await connection.execute(self._sql("search_view"))

    async def drop(self) -> None:
        """See `SearchIndex`."""
        async with self._connection() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
            await connection.execute(self._sql("search_drop"))
            await connection.execute(self._sql("search_mark_drop"), (self.generation,))

    async def _write(self, connection: AsyncConnection[Any], documents: Sequence[Document]) -> list[Rejected]:
        """Write; of documents that are refused together, find the ones that are meant."""
        if not documents:
            return []
        try:
            async with connection.transaction():
                await connection.execute(self._sql("search_write", **_COLUMNS), _columns(documents))
        except (psycopg.DataError, psycopg.IntegrityError, errors.ProgramLimitExceeded) as exc:
            if len(documents) == 1:
                return [Rejected(documents[0], f"{type(exc).__name__}: {exc}"[:2000])]
            half = len(documents) // 2
            return [
                *await self._write(connection, documents[:half]),
                *await self._write(connection, documents[half:]),
            ]
        return []

    async def _aggregated(self, asked: Asked, name: str, wanted: Terms | Histogram) -> list[Bucket]:
        if isinstance(wanted, Terms):
            return [Bucket(key=key, count=count) for key, count in await self._fetch(*asked.terms(wanted))]
        starts = await self._fetch(*asked.histogram(wanted))
        if len(starts) > MAX_BUCKETS:
            raise too_many(name)
        by: dict[int, list[Bucket]] = {}
        if wanted.by:
            for start, key, count in await self._fetch(*asked.histogram_by(wanted)):
                by.setdefault(start, []).append(Bucket(key=key, count=count))
        return [Bucket(key=start, count=count, by=by.get(start, [])) for start, count in starts]

    async def _fetch(self, query: Composed, values: Any = None) -> list[TupleRow]:
        async with self._connection() as connection:
            return await (await connection.execute(query, values)).fetchall()

    def _sql(self, name: str, **parts: Any) -> Composed:
        return text(name).format(
            schema=Identifier(SCHEMA),
            schema_name=Literal(SCHEMA),
            documents=self._documents,
            live=_LIVE,
            names=_NAMES,
            **parts,
        )

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[TupleRow]]:
        try:
            async with self._pool.connection() as connection:
                yield connection
        except (errors.UndefinedTable, errors.InvalidSchemaName) as exc:
            raise SearchUnavailableError("the search index is missing: its indexer never ran") from exc
        except (psycopg.OperationalError, psycopg.InterfaceError, errors.ReadOnlySqlTransaction) as exc:
            raise SearchUnavailableError(f"the search index does not answer: {exc}") from exc


_COLUMNS: Final = {
    "arrays": SQL(", ").join([SQL("%s::text[]")] * len(NAMES)),
    "excluded": SQL(", ").join(SQL("excluded.{}").format(Identifier(name)) for name in NAMES),
}


def _columns(documents: Sequence[Document]) -> list[Any]:
    """One array a column; empty names are missing ones."""
    names = [[value or None for value in _names_of(each)] for each in documents]
    return [
        [each.position for each in documents],
        [each.version for each in documents],
        [each.occurred_at for each in documents],
        [each.count for each in documents],
        [each.text for each in documents],
        [_encode(msgspec.structs.replace(each, text="")).decode() for each in documents],
        *map(list, zip(*names, strict=True)),
    ]


def _decoded(rows: Sequence[TupleRow]) -> list[Document]:
    return [msgspec.structs.replace(_decoder.decode(document), text=words) for document, words in rows]
