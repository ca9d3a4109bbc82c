"""What the log is like to use while it is large or busy: catching up on 100,000 events, and deciding while ingest runs at full load.

`catchup` reads all rows by `Log.stored`; its limit, `catchup.select`, is a plain SELECT in pages of 5,000 from a table without partitions.
`catchup.events` reads the same as domain events (`Log.read_page`). `append.decision_under_load` is one caller that appends one event after another while another
process ingests 16,700 events a second in batches of 2,000; its reference is the same caller with nobody beside.
"""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from eventsourcing.persistence import StoredEvent
from psycopg.rows import tuple_row

from aetherius.domain.agent import GapDetected
from aetherius.domain.cluster_event import Reported
from aetherius.domain.event import Cause, encode
from aetherius.domain.wire.event import Labels, Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Page, Pending

EVENTS = 100_000
PAGE = 5_000
ROUNDS = 7
RATE = 16_700
DECIDING = 8.0

_PLAIN = (
    "CREATE TABLE raw.catchup AS SELECT * FROM aetherius.observed WHERE notification_id > %s",
    "ALTER TABLE raw.catchup ADD PRIMARY KEY (notification_id)",
)
_SELECT = """SELECT notification_id, originator_id, originator_version, topic, state FROM raw.catchup
WHERE notification_id > %s ORDER BY notification_id LIMIT %s"""


def measure(dsn: str) -> list[dict[str, Any]]:
    """The rows, on a log and a schema `raw` that are there; about 30 s."""
    with Log(dsn) as log, psycopg.connect(dsn, autocommit=True) as connection:
        return [*_catch_up(log, connection), *_decide(log, dsn)]


def _catch_up(log: Log, connection: psycopg.Connection[Any]) -> Iterator[dict[str, Any]]:
    after = log.head()
    for start in range(0, EVENTS, 2000):
        log.ingest([_report(start + number) for number in range(2000)])
    connection.execute(_PLAIN[0], (after,))
    connection.execute(_PLAIN[1])
    connection.execute("VACUUM ANALYZE raw.catchup, aetherius.observed")
    contestants: dict[str, Callable[[], int]] = {
        "catchup.select": lambda: sum(map(len, _selected(connection, after))),
        "catchup": lambda: sum(map(len, log.stored(after))),
        "catchup.events": lambda: sum(map(len, _decoded(log, after))),
    }
    took: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, read in contestants.items():
            gc.collect()
            start_at = time.perf_counter()
            count = read()
            took[name].append(time.perf_counter() - start_at)
            assert count == EVENTS, f"{name} read {count}"
    limit = took["catchup.select"]
    for name, times in took.items():
        ratio = statistics.median(least / own for least, own in zip(limit, times, strict=True))
        yield _row(name, EVENTS / statistics.median(times), "catchup.select", ratio, [])


def _selected(connection: psycopg.Connection[Any], after: int) -> Iterator[list[Any]]:
    while True:
        cursor = connection.cursor(binary=True, row_factory=tuple_row)
        rows = cursor.execute(_SELECT, (after, PAGE), prepare=True).fetchall()
        if not rows:
            return
        yield rows
        after = rows[-1][0]


def _decoded(log: Log, after: int) -> Iterator[Page]:
    while len(page := log.read_page(after, PAGE)):
        yield page
        after = page.next_position


def _decide(log: Log, dsn: str) -> Iterator[dict[str, Any]]:
    alone = _decisions(log, DECIDING / 4)
    with _ingesting(dsn):
        under_load = _decisions(log, DECIDING)
    rates = [len(times) / sum(times) for times in (alone, under_load)]
    yield _row("append.decision_alone", rates[0], "append.decision_alone", 1.0, alone)
    yield _row("append.decision_under_load", rates[1], "append.decision_alone", rates[1] / rates[0], under_load)


@contextmanager
def _ingesting(dsn: str) -> Iterator[None]:
    command = [sys.executable, str(Path(__file__).with_name("bulk_writer.py")), dsn, str(RATE)]
    with subprocess.Popen(command) as writer:
        try:
            time.sleep(1.5)  # until it has started
            assert writer.poll() is None, "the bulk writer ended"
            yield
        finally:
            writer.terminate()


def _decisions(log: Log, seconds: float) -> list[float]:
    cause, at, times = Cause(actor="system:bench"), datetime.now(UTC), []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pending = Pending(uuid4(), 1, GapDetected(cluster_id="bench", epoch=1, first=1, last=2), at, cause)
        start = time.perf_counter()
        log.append([pending])
        times.append(time.perf_counter() - start)
        time.sleep(0.002)  # decisions come one by one, not as fast as they can
    return times


def _report(number: int) -> StoredEvent:
    at = datetime.now(UTC)
    event = Reported(
        cluster_id="bench",
        source="kubelet",
        severity=Severity.LOW,
        reason="Pulled",
        message="Container image already present on machine and can be accessed by the pod. " * 3,
        namespace="shop",
        labels=Labels(kind="Pod", name=f"web-{number % 50}", owner_kind="Deployment", owner_name="web"),
        agent_id="bench",
        epoch=1,
        sequence=number + 1,
    )
    id = UUID(observation_id("bench", at, number, uuid4()))
    return StoredEvent(id, 1, event.topic, encode(event, at, Cause(actor="agent:bench")))


def _row(name: str, rate: float, reference: str, ratio: float, times: Sequence[float]) -> dict[str, Any]:
    in_order = sorted(times) or [0.0]
    return {
        "name": name,
        "value": round(rate, 1),
        "unit": "events/s",
        "reference": reference,
        "ratio": round(ratio, 4),
        "p50_ms": round(statistics.median(in_order) * 1000, 2),
        "p99_ms": round(in_order[int(len(in_order) * 0.99)] * 1000, 2),
    }
