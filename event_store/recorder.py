"""The log behind the eventsourcing library's recorder interface: its applications and process managers can run on our tables.

Give this module as `PERSISTENCE_MODULE`. Events, ledger entry and `Tracking` are one transaction by the same `Appender` that `Log` uses, so the library's
contract suites, which run on these classes, try the product's write path. Differences from the stock recorder: COPY for batches, one advisory lock
instead of a table lock, positions without gaps, binary reads, and a subscription that cannot miss what was stored before it listened.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from eventsourcing import postgres
from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    InterfaceError,
    Notification,
    OperationalError,
    ProgrammingError,
    StoredEvent,
    Subscription,
    Tracking,
)
from eventsourcing.utils import retry
from psycopg import Connection, Cursor
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

from aetherius.event_store.errors import CheckpointConflictError
from aetherius.event_store.reading.pages import LAST
from aetherius.event_store.tables import Tables, migrated, migrations
from aetherius.event_store.writing.appending import Appender

_CREATION_LOCK = 0x6165746865726D67
"""Advisory lock of recorders that make tables of their own."""


class CheckpointRecorder(postgres.PostgresTrackingRecorder):
    """Keeps the library's tracking in a table of checkpoints, one row a name."""

    def __init__(
        self, datastore: postgres.PostgresDatastore, *, tracking_table_name: str = "checkpoints", **kwargs: Any
    ) -> None:
        super().__init__(datastore, tracking_table_name=tracking_table_name, **kwargs)
        self._tables = Tables(
            schema=datastore.schema, checkpoints=tracking_table_name, channel=f"{datastore.schema}_log"
        )

    def create_table(self) -> None:
        """Make what is missing; recorders that start together wait for each other."""
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute("SET LOCAL client_min_messages = warning")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_CREATION_LOCK,))
            self._create_table(cursor)

    def _create_table(self, curs: Cursor[Any]) -> None:
        self._migrate(curs)

    def _migrate(self, curs: Cursor[Any], decided: str | None = None, observed: str | None = None) -> None:
        for text in migrations():
            for statement in migrated(self._tables, text, decided, observed):
                curs.execute(statement, prepare=False)  # a file holds several statements

    def _insert_tracking(self, curs: Cursor[Any], tracking: Tracking) -> None:
        curs.execute(
            self._tables.statement("checkpoint_move"),
            (tracking.application_name, tracking.notification_id),
            prepare=True,
        )
        if curs.fetchone() is None:
            raise IntegrityError(f"{tracking.application_name} has tracked {tracking.notification_id} already")

    def _max_tracking_id(self, application_name: str, curs: Cursor[Any]) -> int | None:
        row = curs.execute(self._tables.statement("checkpoint_read"), (application_name,), prepare=True).fetchone()
        return row["position"] if row else None


class LogRecorder(CheckpointRecorder, postgres.PostgresProcessRecorder):
    """Records one event table of the log. A process recorder everywhere: a plain application recorder would drop `tracking=` in silence."""

    def __init__(
        self,
        datastore: postgres.PostgresDatastore,
        *,
        events_table_name: str = "decided",
        tracking_table_name: str = "checkpoints",
    ) -> None:
        if datastore.originator_id_type != "uuid":
            raise ProgrammingError("the log's stream ids are UUIDs")
        super().__init__(datastore, events_table_name=events_table_name, tracking_table_name=tracking_table_name)
        self.channel_name = self._tables.channel
        self._appender = Appender(self._tables, lambda topic: events_table_name)

    def _create_table(self, curs: Cursor[Any]) -> None:
        self._migrate(curs, decided=self.events_table_name)

    @retry((InterfaceError, OperationalError), max_attempts=10, wait=0.2)
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:
        """Store events, and the `tracking` given, in one transaction; their positions.

        Raises:
            IntegrityError: a version is taken, or the tracking is not higher than before; nothing was written.
        """
        tracking: Tracking | None = kwargs.get("tracking")
        if not stored_events:
            if tracking:
                self.insert_tracking(tracking)
            return []
        checkpoint = (tracking.application_name, tracking.notification_id) if tracking else None
        with self.datastore.get_connection() as connection:
            try:
                last = self._store(connection, stored_events, checkpoint)
            except CheckpointConflictError as exc:
                raise IntegrityError(str(exc)) from exc
        return list(range(last - len(stored_events) + 1, last + 1))

    def _store(
        self, connection: Connection[Any], events: Sequence[StoredEvent], checkpoint: tuple[str, int] | None
    ) -> int:
        last = self._appender.store_at_once(connection, events, {}, checkpoint=checkpoint)
        if last is None:
            head, _ = self._appender.begin(connection, checkpoint=checkpoint, bulk=True)
            last = self._appender.store(connection, head, events).last
        return last

    @retry((InterfaceError, OperationalError), max_attempts=10, wait=0.2)
    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The events of a stream, between versions."""
        first, last = -LAST if gt is None else gt + 1, LAST if lte is None else lte
        statement = self._tables.statement("stream", self.events_table_name)
        order = SQL("SELECT * FROM ({}) AS s ORDER BY originator_version {} LIMIT %s")
        if desc or limit is not None:
            statement = order.format(statement, SQL("DESC" if desc else "ASC"))
        values = (originator_id, first, last, LAST)
        with self.datastore.get_connection() as connection:
            rows = self._fetch(connection, statement, (*values, limit) if desc or limit is not None else values)
        return [StoredEvent(row[1], row[2], row[3], row[4]) for row in rows]

    @retry((InterfaceError, OperationalError), max_attempts=10, wait=0.2)
    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Up to `limit` events of this table in order of position."""
        after = 0 if start is None else start - int(inclusive_of_start)
        upto = LAST if stop is None else stop
        values = (after, upto, list(topics), limit) if topics else (after, upto, limit)
        statement = self._tables.statement("page_of_topics" if topics else "page", self.events_table_name)
        with self.datastore.get_connection() as connection:
            rows = self._fetch(connection, statement, values)
        return [
            Notification(id=row[0], originator_id=row[1], originator_version=row[2], topic=row[3], state=row[4])
            for row in rows
        ]

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Catch up after a position, then follow."""
        return _PolledSubscription(recorder=self, gt=gt, topics=topics)

    def _fetch(self, connection: Connection[Any], statement: Any, values: tuple[Any, ...]) -> list[Any]:
        cursor = connection.cursor(binary=True, row_factory=tuple_row)
        return cursor.execute(statement, values, prepare=True).fetchall()


class _PolledSubscription(postgres.PostgresSubscription):
    """Pulls once more after LISTEN, and every second: the stock one misses what comes between its first pull and its LISTEN."""

    def _listen(self) -> None:
        try:
            with self._recorder.datastore.get_connection() as connection:
                connection.execute(SQL("LISTEN {}").format(Identifier(self._recorder.channel_name)))
                self._has_been_notified.set()
                self._follow(connection)
        except Exception as exc:  # noqa: BLE001  # the thread's edge: the reader raises it
            self._thread_error = self._thread_error or exc
            self.stop()

    def _follow(self, connection: Connection[Any]) -> None:
        quiet = 0
        while not self._has_been_stopped and not self._thread_error:
            woken = any(True for _ in connection.notifies(timeout=0.1, stop_after=1))
            quiet = 0 if woken else quiet + 1
            if woken or quiet % 10 == 0:
                self._has_been_notified.set()


class LogFactory(postgres.PostgresFactory):
    """Builds recorders on the log's tables for the library; snapshots use the stock one."""

    application_recorder_class = LogRecorder
    tracking_recorder_class = CheckpointRecorder
    process_recorder_class = LogRecorder
