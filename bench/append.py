"""How fast the log takes events in, beside the physical limit, the library's stock recorder and UmaDB, in one run.

`append.copy` is the limit: prebuilt bytes by binary COPY into a table of the same columns and indexes, a checkpoint moved in the same transaction.
`append.stock` and `append.ours` store such batches from `StoredEvent`s, checkpoint included, by the library's recorder and by ours. `peer.umadb` appends such
events, each tagged with its stream, and its tracking; without tags (`peer.umadb_untagged`) an event can be found by its position alone, and comes twice when
sent twice. `peer.emmett` appends as many to one stream, from Node, without a checkpoint. Batches are of 2,000, of 100 and of 1. All take turns in random
order, so that the machine's noise meets all alike; rates are medians, ratios medians over the rounds. `append.single` is 64 callers that append one event each, by group commit.
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
from itertools import count
from pathlib import Path
from struct import Struct
from typing import Any, NamedTuple, TypedDict
from uuid import UUID, uuid4

import emmett_process
import psycopg
import reading
import umadb_server
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
ROUNDS = {1: 400, 100: 120, BATCH: 50}
"""By size of batch; the large ones come last, as what they leave to be written disturbs the small ones."""
CALLERS = 64
SINGLES_A_CALLER = 150
_WARM_UP = 4
_LIMIT = "append.copy"
_START = time.time_ns() // 1_000_000

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


class Turn(NamedTuple):
    """A batch, the position of its first event, and its number."""

    number: int
    first: int
    events: list[StoredEvent]


Prepare = Callable[[Turn], Callable[[], object]]
"""Given a turn, the call whose time counts; one of another process answers with the seconds that it took there."""


def run(dsn: str, folder: Path) -> list[Row]:
    """Measure all on an empty database; UmaDB keeps its file in `folder`. About 45 s.

    Peers come last and take turns with the limit alone: their server goes on working after its answer, on the core that `append.ours` hashes on.
    """
    rows: list[Row] = []
    with _contestants(dsn, folder) as contestants:
        turns = _turns()
        peers = {name: call for name, call in contestants.items() if name.startswith("peer.")}
        own = {name: call for name, call in contestants.items() if name not in peers}
        for size, rounds in ROUNDS.items():
            rows += _sized(_take_turns(own, turns, size, rounds), size)
        for size, rounds in ROUNDS.items():
            beside = {_LIMIT: contestants[_LIMIT], **peers}
            rows += (row for row in _sized(_take_turns(beside, turns, size, rounds), size) if "peer." in row["name"])
    limit = next(row["value"] for row in rows if row["name"] == "append.copy")
    return [*rows, single(dsn, limit)]


def _sized(took: dict[str, list[float]], size: int) -> Iterator[Row]:
    limit = took["append.copy"]
    for name, times in took.items():
        rate = size / statistics.median(times)
        yield _row(_named(name, size), rate, _pairwise(limit, times), times, _named("append.copy", size))


def _named(name: str, size: int) -> str:
    return name if size == BATCH and name.startswith("append.") else f"{name}.{size}"


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


def _take_turns(
    contestants: dict[str, Prepare], turns: Callable[[int], Turn], size: int, rounds: int
) -> dict[str, list[float]]:
    """Times of each call; who follows whom changes, as each leaves its work for the disk behind."""
    took: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(_WARM_UP + rounds):
        turn = turns(size)
        for name in random.sample(list(contestants), len(contestants)):
            call = contestants[name](turn)
            start = time.perf_counter()
            told = call()
            if number >= _WARM_UP:
                took[name].append(told if isinstance(told, float) else time.perf_counter() - start)
    return took


def _turns() -> Callable[[int], Turn]:
    """Makes turns of any size, one after the other."""
    numbers, stored = count(1), 0

    def turn(size: int) -> Turn:
        nonlocal stored
        stored += size
        first = stored - size + 1
        return Turn(next(numbers), first, _batch(first, size))

    return turn


@contextmanager
def _contestants(dsn: str, folder: Path) -> Iterator[dict[str, Prepare]]:
    schema.create(dsn)
    with ExitStack() as stack:
        connection = stack.enter_context(psycopg.connect(dsn, autocommit=True))
        for statement in ("CREATE SCHEMA stock", *_LIMIT_TABLES):
            connection.execute(statement)
        stock = PostgresProcessRecorder(stack.enter_context(_datastore(dsn, "stock")))
        stock.create_table()
        ours = LogRecorder(stack.enter_context(_datastore(dsn, "aetherius")), events_table_name="observed")
        peer = stack.enter_context(umadb_server.served(folder))
        others: dict[str, Prepare] = {}
        if why := emmett_process.missing():
            sys.stderr.write(f"NO peer.emmett: {why}\n")
        else:
            emmett = stack.enter_context(emmett_process.started(dsn))
            others["peer.emmett"] = lambda turn: emmett.append(len(turn.events))
        yield {
            "append.copy": lambda turn: _raw_copy(connection, turn),
            "append.stock": lambda turn: _recorded(stock, turn),
            "append.ours": lambda turn: _recorded(ours, turn),
            "peer.umadb": lambda turn: umadb_server.append(peer, "b", turn.number, turn.events, tagged=True),
            "peer.umadb_untagged": lambda turn: umadb_server.append(peer, "c", turn.number, turn.events, tagged=False),
            **others,
        }


def _recorded(recorder: PostgresProcessRecorder, turn: Turn) -> Callable[[], object]:
    return lambda: recorder.insert_events(turn.events, tracking=Tracking("b", turn.number))


def _datastore(dsn: str, schema: str) -> PostgresDatastore:
    place: dict[str, Any] = conninfo_to_dict(dsn)
    names = ("dbname", "host", "port", "user", "password")
    return PostgresDatastore(*(place[name] for name in names), schema=schema, pool_size=1)


def _raw_copy(connection: Connection[Any], turn: Turn) -> Callable[[], None]:
    payload = _payload(turn.events, turn.first)

    def write() -> None:
        connection.execute("BEGIN")
        with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.write(payload)
        with connection.pipeline():
            connection.execute(_CHECKPOINT, (turn.number,))
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


def _batch(first: int, size: int) -> list[StoredEvent]:
    """Events of 575 to 600 bytes with ids as observations have them: time first, then a hash."""
    return [
        StoredEvent(
            UUID(int=((_START + first + i) << 80) | int.from_bytes(os.urandom(10))),
            1,
            "ClusterEvent.Reported.v1",
            os.urandom(300).hex().encode()[: 575 + i % 26],
        )
        for i in range(size)
    ]


def _row(name: str, rate: float, ratio: float, times: Sequence[float], reference: str = "append.copy") -> Row:
    in_order = sorted(times)
    return Row(
        name=name,
        value=round(rate, 1),
        unit="events/s",
        reference=reference,
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
            for row in (*run(dsn, folder), *reading.measure(dsn)):
                sys.stdout.write(
                    f"{row['name']:<26} {row['value']:>10,.0f} {row['unit']}  {row['ratio']:>7.1%} of {row['reference']}"
                    f"   p50 {row['p50_ms']:.2f} ms  p99 {row['p99_ms']:.2f} ms\n"
                )
        finally:
            asyncio.run(server.stop())


if __name__ == "__main__":
    main()
