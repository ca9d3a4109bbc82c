"""How fast the log takes events in, beside the physical limit and the library's stock recorder, on one PostgreSQL in one run.

`append.copy` is the limit: prebuilt bytes by binary COPY into a table of the same columns and indexes, a checkpoint moved in the same transaction.
`append.stock` and `append.ours` store such batches from `StoredEvent`s, checkpoint included, by the library's recorder and by ours. The three take turns in
random order, so that the machine's noise meets all alike; rates are medians, ratios medians over the rounds. `append.single` is 64 callers that append
one event each, by group commit.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from struct import Struct
from typing import Any, TypedDict
from uuid import UUID, uuid4

import psycopg
from eventsourcing.persistence import StoredEvent, Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresProcessRecorder
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict

from aetherius.domain.agent import GapDetected
from aetherius.domain.event import Cause
from aetherius.event_store import schema
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending
from aetherius.event_store.recorder import LogRecorder
from aetherius.runtime.embedded_postgres import EmbeddedPostgres

BATCH = 2000
ROUNDS = 60
CALLERS = 64
SINGLES_A_CALLER = 150
_WARM_UP = 4

_LIMIT_TABLES = (
    "CREATE SCHEMA raw",
    """CREATE TABLE raw.events (notification_id bigint NOT NULL, originator_id uuid NOT NULL, originator_version bigint NOT NULL,
    topic text NOT NULL, state bytea NOT NULL, PRIMARY KEY (originator_id, originator_version))""",
    "CREATE UNIQUE INDEX ON raw.events (notification_id)",
    "CREATE TABLE raw.checkpoints (name text PRIMARY KEY, position bigint NOT NULL)",
)
_COPY = "COPY raw.events FROM STDIN (FORMAT BINARY)"
_CHECKPOINT = (
    "INSERT INTO raw.checkpoints VALUES ('bench', %s) ON CONFLICT (name) DO UPDATE SET position = excluded.position"
)
_ROW_START = Struct(">hiqi16siqi").pack
_LENGTH = Struct(">i").pack


class Row(TypedDict):
    """One measured number. `ratio` is to the row named `reference`; latencies are those of one call, in milliseconds."""

    name: str
    value: float
    unit: str
    reference: str
    ratio: float
    p50_ms: float
    p99_ms: float


Prepare = Callable[[list[StoredEvent], int], Callable[[], object]]
"""Given a batch and its number, the call whose time counts."""


def run(dsn: str) -> list[Row]:
    """Measure all four on an empty database; about 25 s."""
    with _contestants(dsn) as contestants:
        took = _take_turns(contestants)
    limit = took["append.copy"]
    rows = [
        _row(name, BATCH / statistics.median(times), _pairwise(limit, times), times) for name, times in took.items()
    ]
    return [*rows, single(dsn, BATCH / statistics.median(limit))]


def _pairwise(limit: Sequence[float], times: Sequence[float]) -> float:
    """The median ratio to the limit of the same round: the machine was equally busy for both."""
    return statistics.median(least / own for least, own in zip(limit, times, strict=True))


def single(dsn: str, limit: float) -> Row:
    """One event an append, from many callers at once; `limit` is the rate of `append.copy`."""
    with Log(dsn) as log, ThreadPoolExecutor(CALLERS) as callers:
        list(callers.map(lambda _: _append_singles(log, 5), range(CALLERS)))
        start = time.perf_counter()
        times = [
            t for own in callers.map(lambda _: _append_singles(log, SINGLES_A_CALLER), range(CALLERS)) for t in own
        ]
        rate = len(times) / (time.perf_counter() - start)
    return _row("append.single", rate, rate / limit, times)


def _append_singles(log: Log, count: int) -> list[float]:
    cause, at = Cause(actor="system:bench"), datetime(2026, 1, 1, tzinfo=UTC)
    times = []
    for number in range(count):
        event = GapDetected(cluster_id="c" * 450, epoch=1, first=number, last=number)
        start = time.perf_counter()
        log.append([Pending(uuid4(), 1, event, at, cause)])
        times.append(time.perf_counter() - start)
    return times


def _take_turns(contestants: dict[str, Prepare]) -> dict[str, list[float]]:
    """Times of each call; who follows whom changes, as each leaves its work for the disk behind."""
    took: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(_WARM_UP + ROUNDS):
        for name in random.sample(list(contestants), len(contestants)):
            call = contestants[name](_batch(number), number + 1)
            start = time.perf_counter()
            call()
            if number >= _WARM_UP:
                took[name].append(time.perf_counter() - start)
    return took


@contextmanager
def _contestants(dsn: str) -> Iterator[dict[str, Prepare]]:
    schema.create(dsn)
    with ExitStack() as stack:
        connection = stack.enter_context(psycopg.connect(dsn, autocommit=True))
        for statement in ("CREATE SCHEMA stock", *_LIMIT_TABLES):
            connection.execute(statement)
        stock = PostgresProcessRecorder(stack.enter_context(_datastore(dsn, "stock")))
        stock.create_table()
        ours = LogRecorder(stack.enter_context(_datastore(dsn, "aetherius")), events_table_name="observed")
        yield {
            "append.copy": lambda events, number: _raw_copy(connection, events, number),
            "append.stock": lambda events, number: lambda: stock.insert_events(events, tracking=Tracking("b", number)),
            "append.ours": lambda events, number: lambda: ours.insert_events(events, tracking=Tracking("b", number)),
        }


def _datastore(dsn: str, schema: str) -> PostgresDatastore:
    place: dict[str, Any] = conninfo_to_dict(dsn)
    names = ("dbname", "host", "port", "user", "password")
    return PostgresDatastore(*(place[name] for name in names), schema=schema, pool_size=2)


def _raw_copy(connection: Connection[Any], events: list[StoredEvent], number: int) -> Callable[[], None]:
    payload = _payload(events, number * BATCH)

    def write() -> None:
        connection.execute("BEGIN")
        with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.write(payload)
        with connection.pipeline():
            connection.execute(_CHECKPOINT, (number,))
            connection.execute("COMMIT")

    return write


def _payload(events: Sequence[StoredEvent], first: int) -> bytes:
    parts = [b"PGCOPY\n\xff\r\n\0", bytes(8)]
    for position, event in enumerate(events, first):
        assert isinstance(event.originator_id, UUID)
        topic = event.topic.encode()
        parts += [
            _ROW_START(5, 8, position, 16, event.originator_id.bytes, 8, event.originator_version, len(topic)),
            topic,
            _LENGTH(len(event.state)),
            event.state,
        ]
    return b"".join([*parts, b"\xff\xff"])


def _batch(number: int) -> list[StoredEvent]:
    """Events of 575 to 600 bytes with ids as observations have them: time first, then a hash."""
    return [
        StoredEvent(
            UUID(int=((1_800_000_000_000 + number * BATCH + i) << 80) | int.from_bytes(os.urandom(10))),
            1,
            "ClusterEvent.Reported.v1",
            os.urandom(300).hex().encode()[: 575 + i % 26],
        )
        for i in range(BATCH)
    ]


def _row(name: str, rate: float, ratio: float, times: Sequence[float]) -> Row:
    in_order = sorted(times)
    return Row(
        name=name,
        value=round(rate, 1),
        unit="events/s",
        reference="append.copy",
        ratio=round(ratio, 4),
        p50_ms=round(statistics.median(in_order) * 1000, 3),
        p99_ms=round(in_order[int(len(in_order) * 0.99)] * 1000, 3),
    )


def main() -> None:
    """Measure on a PostgreSQL of its own and print the rows."""
    with tempfile.TemporaryDirectory(prefix="aetherius-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the server, run as another user by root, must reach its data
        server = EmbeddedPostgres(folder / "postgres")
        dsn = asyncio.run(server.start())
        try:
            for row in run(dsn):
                sys.stdout.write(
                    f"{row['name']:<14} {row['value']:>10,.0f} {row['unit']}  {row['ratio']:>7.1%} of {row['reference']}"
                    f"   p50 {row['p50_ms']:.2f} ms  p99 {row['p99_ms']:.2f} ms\n"
                )
        finally:
            asyncio.run(server.stop())


if __name__ == "__main__":
    main()
