"""The query port on PostgreSQL: one statement a question, in one round trip."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cache
from typing import Any, Self
from uuid import UUID

import anyio.to_thread
import msgspec
import psycopg
from psycopg import AsyncConnection, AsyncRawCursor, errors
from psycopg.rows import TupleRow, tuple_row
from psycopg.sql import SQL, Composed, Identifier
from psycopg_pool import AsyncConnectionPool

from aetherius.event_store.errors import UnknownPositionError
from aetherius.event_store.log import Log
from aetherius.projections.conditions import COMPACTED, Conditions
from aetherius.projections.errors import CompactedError, ReadModelBehindError, ReadModelUnavailableError
from aetherius.projections.queries import MAX_PAGE, Found, Page
from aetherius.projections.read_model import Filter, R, ReadModel
from aetherius.projections.tables import statement

_LOOK_AGAIN = 0.02
_SETTINGS = "SET TimeZone = 'UTC'; SET statement_timeout = '15s'; SET default_transaction_read_only = on"


class PostgresReadModels:
    """`ReadModels` over a pool of its own. Use as `async with PostgresReadModels(dsn, log) as models`."""

    def __init__(self, dsn: str, log: Log, *, pool_size: int = 8, timeout: float = 10.0, patience: float = 5.0) -> None:
        """
        Args:
            log: says whether events of a model are still to come before a position.
            timeout: seconds that a caller waits for a free connection.
            patience: seconds that a question as of a position waits for a model that lags behind.
        """
        self._log = log
        self._patience = patience
        self._complete: dict[str, int] = {}
        """Positions up to which a model was seen to be whole; by this server."""
        self._server: datetime | None = None
        self._pool: AsyncConnectionPool[AsyncConnection[TupleRow]] = AsyncConnectionPool(
            dsn,
            kwargs={"autocommit": True, "row_factory": tuple_row, "connect_timeout": 5},
            min_size=1,
            max_size=pool_size,
            timeout=timeout,
            configure=self._configure,
            name="read_models",
            open=False,
        )

    async def __aenter__(self) -> Self:
        await self._pool.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close(timeout=5)

    async def page(
        self,
        model: ReadModel[R],
        filter: Filter,
        *,
        first: int,
        before: int | None = None,
        as_of: int | None = None,
        occurred: datetime | None = None,
    ) -> Page[R]:
        """See `ReadModels`."""
        if not 1 <= first <= MAX_PAGE:
            raise ValueError(f"first: {first} is not between 1 and {MAX_PAGE}")
        await self.arrive(model, as_of)
        if occurred:
            rows = await self._page_occurred(
                model, Conditions(model).matching(filter), first + 1, before, as_of, occurred
            )
        else:
            conditions = Conditions(model).matching(filter).at(as_of)
            if before is not None:
                conditions.before(before)
            rows = await self._page(model, conditions, first + 1)
        found = [_found(model, row) for row in rows[:first]]
        return Page(found, len(rows) > first, await self._moment(model, rows) if as_of is None else as_of)

    async def count(
        self,
        model: ReadModel[Any],
        filter: Filter,
        *,
        as_of: int | None = None,
        occurred: datetime | None = None,
        upto: int,
    ) -> int:
        """See `ReadModels`."""
        await self.arrive(model, as_of)
        if occurred:
            conditions = Conditions(model).matching(filter)
            counting = statement("occurred_count", model, found=conditions.found_at(occurred, as_of, None))
            return int((await self._fetch(counting, conditions.values | {"limit": upto}))[0][0])
        conditions = Conditions(model).matching(filter).at(as_of)
        rows = await self._fetch(_sql("count", model, conditions), conditions.values | {"limit": upto})
        return int(rows[0][0])

    async def rows(self, model: ReadModel[R], ids: Sequence[UUID], *, as_of: int | None = None) -> dict[UUID, Found[R]]:
        """See `ReadModels`."""
        await self.arrive(model, as_of)
        conditions = Conditions(model).among("id", ids).at(as_of)
        rows = await self._page(model, conditions, len(ids))
        return {row[0]: _found(model, row) for row in rows}

    async def related(
        self, model: ReadModel[R], column: str, values: Sequence[Any], *, as_of: int | None = None, limit: int
    ) -> dict[Any, list[Found[R]]]:
        """See `ReadModels`."""
        await self.arrive(model, as_of)
        conditions = Conditions(model).at(as_of)
        query = statement(
            "related",
            model,
            conditions=conditions.sql,
            column=Identifier(column),
            type=SQL(model.columns[column].type),  # from our own declaration
        )
        wanted = list(dict.fromkeys(values))
        rows = await self._fetch(query, conditions.values | {"values": wanted, "limit": limit})
        groups: dict[Any, list[Found[R]]] = {value: [] for value in wanted}
        for value, *row in rows:
            groups[value].append(_found(model, row))
        return groups

    async def _page(self, model: ReadModel[Any], conditions: Conditions, limit: int) -> list[TupleRow]:
        values = {"model": model.name, "limit": limit}
        return await self._fetch(_sql("page", model, conditions), conditions.values | values)

    async def _page_occurred(
        self,
        model: ReadModel[Any],
        conditions: Conditions,
        limit: int,
        before: int | None,
        as_of: int | None,
        occurred: datetime,
    ) -> list[TupleRow]:
        query = statement("occurred_page", model, found=conditions.found_at(occurred, as_of, before))
        return await self._fetch(query, conditions.values | {"model": model.name, "limit": limit})

    async def _moment(self, model: ReadModel[Any], rows: list[TupleRow]) -> int:
        """The position that current rows are of: the checkpoint that was read in the same statement."""
        return int(rows[0][4]) if rows else await self._checkpoint(model)

    async def document(self, sql: str, values: Sequence[Any]) -> bytes | None:
        """See `ReadModels`."""
        async with self._connection() as connection:
            try:
                cursor = await AsyncRawCursor(connection).execute(sql, values, prepare=True)
            except psycopg.DatabaseError as exc:
                if exc.sqlstate == COMPACTED or isinstance(exc, psycopg.DataError):
                    return None
                raise
            return cursor.pgresult.get_value(0, 0) if cursor.pgresult else None

    async def arrive(self, model: ReadModel[Any], as_of: int | None) -> None:
        """See `ReadModels`."""
        if as_of is None:
            return
        if self._complete.get(model.name, 0) >= as_of:
            return
        if as_of > await anyio.to_thread.run_sync(self._log.head):
            raise UnknownPositionError(as_of)
        try:
            async with asyncio.timeout(self._patience):
                while not await self._has_all(model, as_of):  # noqa: ASYNC110  # another process moves the checkpoint
                    await asyncio.sleep(_LOOK_AGAIN)
        except TimeoutError:
            raise ReadModelBehindError(model.name, as_of, await self._checkpoint(model)) from None
        self._complete[model.name] = max(as_of, self._complete.get(model.name, 0))

    async def _configure(self, connection: AsyncConnection[TupleRow]) -> None:
        await connection.execute(_SETTINGS)
        row = await (await connection.execute("SELECT pg_postmaster_start_time()")).fetchone()
        if row and row[0] != self._server:
            self._server = row[0]
            self._complete.clear()  # it may have been restored to an earlier point

    async def _has_all(self, model: ReadModel[Any], position: int) -> bool:
        """A checkpoint moves with events only: between it and the position, none may be left to come."""
        at = await self._checkpoint(model)
        if at >= position:
            return True
        return not await anyio.to_thread.run_sync(self._log.read, at, 1, model.topics, position)

    async def _checkpoint(self, model: ReadModel[Any]) -> int:
        rows = await self._fetch(statement("position", model), {"model": model.name})
        return rows[0][0] if rows else 0

    async def _fetch(self, query: Composed, values: dict[str, Any]) -> list[TupleRow]:
        async with self._connection() as connection:
            try:
                cursor = await connection.execute(query, values)
            except psycopg.DatabaseError as exc:
                if exc.sqlstate != COMPACTED:
                    raise
                raise CompactedError(values["as_of"], int(exc.diag.message_detail or 0)) from exc
            return await cursor.fetchall()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[TupleRow]]:
        server = self._server
        try:
            async with self._pool.connection() as connection:
                if server not in (None, self._server):
                    raise ReadModelUnavailableError("another PostgreSQL server answers: ask again")
                yield connection
        except psycopg.DatabaseError as exc:
            if ours := _ours(exc):
                raise ours from exc
            raise
        except psycopg.InterfaceError as exc:
            raise ReadModelUnavailableError(f"the read models do not answer: {exc}") from exc


def _ours(exc: psycopg.DatabaseError) -> ReadModelUnavailableError | None:
    match exc:
        case errors.UndefinedTable() | errors.InvalidSchemaName() | errors.UndefinedFunction():
            return ReadModelUnavailableError("the read models' tables are missing: projections never ran")
        case psycopg.OperationalError():
            return ReadModelUnavailableError(f"the read models do not answer: {exc}")
        case _:
            return None


def _sql(name: str, model: ReadModel[Any], conditions: Conditions) -> Composed:
    return statement(name, model, conditions=conditions.sql)


def _found(model: ReadModel[R], row: Sequence[Any]) -> Found[R]:
    _, created, valid_from, doc, *_ = row
    return Found(_decoder(model.row).decode(doc), created, valid_from)


@cache
def _decoder(row: type[R]) -> msgspec.json.Decoder[R]:
    return msgspec.json.Decoder(row)
