"""Folding the log into tables beside those that serve: for rebuilds and for verification.

One pass over the log feeds any number of models. Rows and place are one transaction, so a build that is cut off anywhere goes on where it was. While
PostgreSQL takes a page in, the next one is read, decoded and made into rows. A build is one process's alone: it holds an advisory lock for each of its models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Self
from uuid import UUID

import psycopg
from psycopg import Connection

from aetherius.domain.event import Unreadable
from aetherius.event_store.errors import AnotherTimelineError, PositionAheadError
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Page
from aetherius.projections.errors import ReadModelParkedError, ReadModelUnavailableError, RebuildRunsError
from aetherius.projections.read_model import ReadModel
from aetherius.projections.schema import sign
from aetherius.projections.tables import bare, general, indexes, shape, statement, tables_of
from aetherius.projections.versioned_rows import Prepared, VersionedRows
from aetherius.readers.tables import SCHEMA
from aetherius.runtime.lingering_lock import taken_within

PAGE = 10_000
"""Events in one transaction: nobody waits for it, as its tables are its own."""
Progress = Callable[[int, int], None]
"""Told after each page: position, and the position that is to be reached."""


Batches = list[Prepared]
"""Of each model in turn."""


class _Part:
    """One model in a build."""

    def __init__(self, model: ReadModel[Any], suffix: str) -> None:
        self.model = model
        self.topics = frozenset(model.topics)
        self.rows = VersionedRows(model, suffix)
        self.position = 0
        self.indexed = False


class Build:
    """Models being built in tables whose names end with a suffix. Use as `with Build(...) as build`; one thread."""

    def __init__(self, dsn: str, log: Log, models: Sequence[ReadModel[Any]], suffix: str, *, page: int = PAGE) -> None:
        self._dsn = dsn
        self._log = log
        self._parts = {model.name: _Part(model, suffix) for model in models}
        self._suffix = suffix
        self._page = page
        self._timeline: UUID | None = None
        self.connection: Connection[Any]

    def __enter__(self) -> Self:
        self.connection = psycopg.connect(self._dsn, autocommit=True, connect_timeout=10)
        try:
            for name in sorted(self._parts):
                hold(self.connection, name)
            self.connection.execute("SET maintenance_work_mem = '256MB'; SET client_min_messages = warning")
        except BaseException:
            self.connection.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def position(self, name: str) -> int:
        """Up to where a model is built."""
        return self._parts[name].position

    def begin(self, *, resume: bool) -> None:
        """Make the tables, or find those of a build that was cut off, if it was of the same log and the same shape."""
        self._timeline = self._log.check(0)
        for part in self._parts.values():
            if not (resume and self._found(part)):
                self._make(part)

    def load(self, upto: int, progress: Progress | None = None, only: str | None = None) -> None:
        """Fold in the events up to a position.

        Raises:
            ReadModelParkedError: an event could not be taken; what came before its page stands.
            LogUnavailableError: safe to repeat.
        """
        parts = [part for name, part in self._parts.items() if only in (None, name) and part.position < upto]
        if not parts:
            return
        for page, coming in self._pages(min(part.position for part in parts), upto, parts):
            self._take(page, parts, coming.result)
            if progress:
                progress(page.next_position, upto)

    def index(self) -> None:
        """Make the indexes that questions need, where they are missing."""
        for name, part in self._parts.items():
            if part.indexed:
                continue
            with self.connection.transaction():
                for made in indexes(part.model, self._suffix):
                    self.connection.execute(made)
                sign(self.connection, part.model, self._suffix)
                self.connection.execute(general("build_indexed"), (name,))
            for each in tables_of(part.model):
                self.connection.execute(statement("analyze", part.model, self._suffix + each))
            part.indexed = True

    def drop(self) -> None:
        """Remove the tables and what is known of them."""
        for part in self._parts.values():
            with self.connection.transaction():
                self._drop(part)
                self.connection.execute(general("build_end"), (self._key(part),))

    def _pages(self, after: int, upto: int, parts: Sequence[_Part]) -> Iterator[tuple[Page, Future[Batches]]]:
        """Each with what it writes; of the next one both are made meanwhile."""
        topics = sorted({topic for part in parts for topic in part.topics})
        with ThreadPoolExecutor(1, "read-ahead") as ahead:

            def ask(after: int) -> tuple[Future[Page], Future[Batches]]:
                read = ahead.submit(self._log.read_page, after, self._page, topics, upto)
                return read, ahead.submit(lambda: _prepared(read.result(), parts))

            read, prepared = ask(after)
            while True:
                page = read.result()
                after, this = page.next_position, prepared
                if after < upto:
                    read, prepared = ask(after)
                yield page, this
                if after >= upto:
                    return

    def _take(self, page: Page, parts: Sequence[_Part], prepared: Callable[[], Batches]) -> None:
        try:
            self._take_at_once(page, parts, prepared())
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception as exc:
            if len(page) == 1:
                event = page.events[0]
                where = f"position {event.position} ({event.event.topic}): {type(exc).__name__}: {exc}"
                raise ReadModelParkedError(", ".join(part.model.name for part in parts), where) from exc
            for event in page:  # one by one, to name the one that fails
                single = Page([event], event.position)
                self._take(single, parts, partial(_prepared, single, parts))

    def _take_at_once(self, page: Page, parts: Sequence[_Part], batches: Batches) -> None:
        with self.connection.transaction(), self.connection.cursor(binary=True) as cursor:
            for part, batch in zip(parts, batches, strict=True):
                if batch.batch:
                    part.rows.write(batch, cursor)
                cursor.execute(
                    general("build_move"), (max(part.position, page.next_position), self._timeline, self._key(part))
                )
        for part in parts:
            part.position = max(part.position, page.next_position)

    def _found(self, part: _Part) -> bool:
        key = self._key(part)
        row = self.connection.execute(
            general("build_find"), (f"{SCHEMA}.{part.model.name}{self._suffix}", key)
        ).fetchone()
        if row is None:
            return False
        position, timeline, indexed, fingerprint, exists = row
        try:
            self._log.check(position, timeline)
        except (PositionAheadError, AnotherTimelineError):
            return False
        part.position, part.indexed = position, indexed
        return bool(exists and fingerprint == shape(part.model))

    def _make(self, part: _Part) -> None:
        with self.connection.transaction():
            self._drop(part)
            for made in bare(part.model, self._suffix):
                self.connection.execute(made)
            self.connection.execute(general("build_begin"), (self._key(part), shape(part.model), self._timeline))
        part.position, part.indexed = 0, False

    def _drop(self, part: _Part) -> None:
        for each in tables_of(part.model):
            self.connection.execute(statement("drop", part.model, self._suffix + each))

    def _key(self, part: _Part) -> str:
        return part.model.name + self._suffix


def _prepared(page: Page, parts: Sequence[_Part]) -> Batches:
    """What each part makes of the events of a page that it does not have yet: its position is at, or past, the page before."""
    for event in page:
        if isinstance(event.event, Unreadable):
            raise event.event.error
    return [
        part.rows.prepare(
            [event for event in page if event.position > part.position and event.event.topic in part.topics]
        )
        for part in parts
    ]


def hold(connection: Connection[Any], name: str) -> None:
    """Hold a model for as long as the connection lives: nobody else builds, verifies or compacts it meanwhile.

    Raises:
        RebuildRunsError: somebody does.
    """

    def locked() -> bool:
        row = connection.execute("SELECT pg_try_advisory_lock(%s::int, hashtext(%s))", (0x61657472, name)).fetchone()
        return bool(row and row[0])

    if not taken_within(locked):
        raise RebuildRunsError(name)


@contextmanager
def reported(name: str, doing: str) -> Iterator[None]:
    """Turn PostgreSQL's errors into ours."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError) as exc:
        raise ReadModelUnavailableError(f"cannot {doing} {name}: {exc}") from exc
