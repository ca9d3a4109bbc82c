"""What a large log costs: append rate, the state of a stream at a time, and reading all of it, at 0.1, 1 and 10 million events. The slope is the claim.

`GrownLog` is a log on a server of its own that is filled through the product's own ingest, ledger and partitions on; it grows on demand and is kept for the
run, so that others measure on the same millions: `grown.to(events)` gives its DSN. `AETHERIUS_BENCH_EVENTS` caps it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self
from uuid import UUID, uuid4

import psycopg
from eventsourcing.persistence import StoredEvent

from aetherius.domain.agent import Agent, GapDetected
from aetherius.domain.cluster_event import Reported
from aetherius.domain.event import Cause, encode
from aetherius.domain.wire.event import Labels, RawData, Severity
from aetherius.event_store import schema
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending
from aetherius.runtime.embedded_postgres import EmbeddedPostgres

SIZES: Final = (100_000, 1_000_000, 10_000_000)
MOST: Final = int(os.environ.get("AETHERIUS_BENCH_EVENTS", SIZES[-1]))
BATCH: Final = 2000
APPENDS: Final = 60
WARM_UP: Final = 20
READ: Final = 1_000_000
"""Events that are read at least, by reading a small log several times."""
STATES: Final = 400
STREAM: Final = 20
"""Decisions of one stream: one follows each batch of reports until it is full, then the next stream begins. So streams are as long in any log."""
DECISIONS: Final = 10
"""Streams that are under way at a time."""
SPACING: Final = timedelta(milliseconds=100)
"""Time between two reports: ten million are twelve days, which is three partitions."""
_TOPIC: Final = Reported.topic
_CAUSE: Final = Cause(actor="system:bench")
_REASONS: Final = (
    "BackOff",
    "OOMKilled",
    "Unhealthy",
    "FailedScheduling",
    "Pulled",
    "Started",
    "NodeNotReady",
    "Evicted",
)


class GrownLog:
    """Use as `with GrownLog() as grown`; the server starts on the first call of `to`."""

    def __init__(self) -> None:
        self.events = 0
        """Positions that it holds."""
        self._exits = ExitStack()
        self._dsn = ""
        self._began = datetime.now(UTC) - timedelta(days=12.5)
        self._reports = _reports()
        self._reported = 0
        self.streams: list[UUID] = []
        """Those with decisions, each of `STREAM` at most."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    def to(self, events: int) -> str:
        """Grow to at least so many events; the log's DSN."""
        if not self._dsn:
            self._start()
        began, before = time.perf_counter(), self.events
        with Log(self._dsn, pool_size=2) as log:
            while self.events < events:
                self.step(log)
        if (grown := self.events - before) > 0:
            self._settle(grown, time.perf_counter() - began)
        return self._dsn

    def step(self, log: Log) -> float:
        """Add one batch of reports, and decisions; the seconds that the batch took."""
        stored = list(self._batch())
        start = time.perf_counter()
        log.ingest(stored)
        took = time.perf_counter() - start
        self.events = log.append(self._decided())
        return took

    def at(self, number: int) -> datetime:
        """When a report was made."""
        return self._began + number * SPACING

    def _start(self) -> None:
        folder = Path(self._exits.enter_context(tempfile.TemporaryDirectory(prefix="aetherius-bench-")))
        folder.chmod(0o711)  # the server, run as another user by root, must reach its data
        server = EmbeddedPostgres(folder / "postgres")
        self._dsn = asyncio.run(server.start())
        self._exits.callback(lambda: asyncio.run(server.stop()))
        schema.create(self._dsn)

    def _settle(self, grown: int, took: float) -> None:
        """Have behind it what a log of this size has behind it."""
        sys.stderr.write(f"grown to {self.events:,} events, {grown / took:,.0f} events/s\n")
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")

    def _batch(self) -> Iterator[StoredEvent]:
        chance = os.urandom(10 * BATCH)
        for number in range(BATCH):
            at = self.at(self._reported)
            millis = int(at.timestamp() * 1000)
            bits = int.from_bytes(chance[10 * number : 10 * number + 10])
            id = UUID(int=millis << 80 | 7 << 76 | (bits & _FREE_BITS) | 2 << 62)
            before, between, after = self._reports[self._reported % len(self._reports)]
            self._reported += 1
            moment = at.isoformat().encode().replace(b"+00:00", b"Z")
            yield StoredEvent(id, 1, _TOPIC, b"%b%b%b%d%b" % (before, moment, between, self._reported, after))

    def _decided(self) -> list[Pending]:
        step, at = self._reported // BATCH - 1, self.at(self._reported)
        version = step % STREAM + 1
        if version == 1:
            self.streams += (uuid4() for _ in range(DECISIONS))
        event = GapDetected(cluster_id="bench-0", epoch=1, first=version, last=version)
        return [Pending(stream, version, event, at, _CAUSE) for stream in self.streams[-DECISIONS:]]


_FREE_BITS: Final = (1 << 76) - 1 - (3 << 62)


def measure(grown: GrownLog) -> Iterator[dict[str, Any]]:
    """The rows `growth.append`, `growth.stateAt` and `growth.catchup` at each size; ten million take about five minutes."""
    first: dict[str, float] = {}
    for size in [each for each in SIZES if each <= MOST] or [MOST]:
        dsn = grown.to(size)
        with Log(dsn, pool_size=2) as log:
            measured = (_states(grown, log), _catch_up(grown, log), _append(grown, log))
        for what, rate, times in measured:
            first.setdefault(what, rate)
            yield _row(f"growth.{what}.{size}", rate, f"growth.{what}.{SIZES[0]}", rate / first[what], times)


def _append(grown: GrownLog, log: Log) -> tuple[str, float, list[float]]:
    gc.collect()
    times = [grown.step(log) for _ in range(WARM_UP + APPENDS)][WARM_UP:]
    return "append", BATCH / statistics.median(times), times


def _states(grown: GrownLog, log: Log) -> tuple[str, float, list[float]]:
    """States of any streams at any times: each by the ledger to a position, then by the stream up to there."""
    choice, times = random.Random(1), []
    last = log.recorded_at(log.head())
    began = log.recorded_at(1)
    for number in range(WARM_UP + STATES):
        stream = choice.choice(grown.streams[: max(1, len(grown.streams) - DECISIONS)])
        recorded = log.stream(stream, 1, 1)[0].position
        moment = max(log.recorded_at(recorded), began + (last - began) * choice.random())
        start = time.perf_counter()
        log.load(Agent, stream, position=log.position_at(moment))
        if number >= WARM_UP:
            times.append(time.perf_counter() - start)
    return "stateAt", 1 / statistics.median(times), times


def _catch_up(grown: GrownLog, log: Log) -> tuple[str, float, list[float]]:
    """All of it, as it is stored."""
    rates = []
    for _ in range(2 + READ // grown.events):
        gc.collect()
        start = time.perf_counter()
        count = sum(map(len, log.stored(0)))
        assert count == grown.events, f"read {count} of {grown.events}"
        rates.append(count / (time.perf_counter() - start))
    return "catchup", statistics.median(rates[1:]), []


def _reports() -> list[tuple[bytes, bytes, bytes]]:
    """What 1,000 reports say, in parts: time and number go between."""
    at, choice = datetime(2000, 1, 1, tzinfo=UTC), random.Random(2)
    reports = []
    for number in range(1000):
        workload = f"web-{choice.randrange(50)}"
        event = Reported(
            cluster_id=f"bench-{number % 10}",
            source="kubelet",
            severity=choice.choice(list(Severity)),
            reason=choice.choice(_REASONS),
            message=f"Back-off restarting failed container app in pod {workload}-{choice.randbytes(4).hex()}_shop",
            namespace=f"shop-{choice.randrange(10)}",
            labels=Labels(
                kind="Pod",
                name=f"{workload}-{choice.randbytes(4).hex()}",
                node=f"node-{choice.randrange(30)}",
                owner_kind="Deployment",
                owner_name=workload,
            ),
            raw_data=RawData(count=3, container="app", memory_limit="64Mi"),
            agent_id="bench",
            epoch=1,
            sequence=987654321,
            uid=str(UUID(int=choice.getrandbits(128))),
        )
        state = encode(event, at, Cause(actor=f"agent:{event.cluster_id}"))
        before, rest = state.split(b"2000-01-01T00:00:00Z")
        between, after = rest.split(b"987654321")
        reports.append((before, between, after))
    return reports


def _row(name: str, rate: float, reference: str, ratio: float, times: Sequence[float]) -> dict[str, Any]:
    in_order = sorted(times) or [0.0]
    return {
        "name": name,
        "value": round(rate, 1),
        "unit": "states/s" if ".stateAt." in name else "events/s",
        "reference": reference,
        "ratio": round(ratio, 4),
        "p50_ms": round(statistics.median(in_order) * 1000, 3),
        "p99_ms": round(in_order[int(len(in_order) * 0.99)] * 1000, 3),
    }


if __name__ == "__main__":
    with GrownLog() as log_of_the_bench:
        for row in measure(log_of_the_bench):
            sys.stdout.write(
                f"{row['name']:<26} {row['value']:>10,.0f} {row['unit']}  {row['ratio']:.1%}  p50 {row['p50_ms']} p99 {row['p99_ms']}\n"
            )
            sys.stdout.flush()
