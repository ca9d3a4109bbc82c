"""Postgres read models under load and at size.

`projections.sustained`: the real `serve projections` process, with every read model, beside a process that ingests 16,700 reports a second and some decisions,
for two minutes (`AETHERIUS_BENCH_SECONDS` for less); lag is sampled as the age of the oldest event that is not in a read model yet. No process manager
runs beside: those are measured by `path.*`. `asof.<events>` and `rebuild.<model>` use the log that `growth.py` fills.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import growth
import psycopg

from aetherius.cli.tables import create_tables
from aetherius.event_store.log import Log
from aetherius.projections.events import EventFilter
from aetherius.projections.models import EVENTS, MODELS
from aetherius.projections.postgres_queries import PostgresReadModels
from aetherius.projections.rebuild import rebuild
from aetherius.runtime.embedded_postgres import EmbeddedPostgres
from aetherius.runtime.process import spare_the_collector

RATE: Final = 16_700
SECONDS: Final = float(os.environ.get("AETHERIUS_BENCH_SECONDS", "120"))
QUESTIONS: Final = 1000
PAGE: Final = 50

_POSITIONS = "SELECT name, position FROM aetherius.checkpoints WHERE name = ANY(%s)"
_LAG = """SELECT extract(epoch FROM clock_timestamp() - recorded_at)::float8 FROM aetherius.ledger
WHERE last > (SELECT position FROM aetherius.checkpoints WHERE name = 'events') ORDER BY last LIMIT 1"""


# Sustained


def sustained() -> list[dict[str, Any]]:
    """The rows `projections.sustained`, `projections.lag_at_end` and `projections.memory`."""
    with (
        _server() as dsn,
        _process(dsn, "-m", "aetherius.cli.main", "serve", "projections") as serving,
        psycopg.connect(dsn, autocommit=True) as connection,
    ):
        _until(lambda: _held(connection, "SELECT to_regclass('read_models.remediations') IS NOT NULL"))
        return _sustained(dsn, serving, connection)


def _sustained(dsn: str, serving: subprocess.Popen[bytes], connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    lags: list[float] = []
    memory: list[float] = []
    began, first = time.monotonic(), _held(connection, "SELECT coalesce(max(last), 0) FROM aetherius.ledger")
    with _process(dsn, __file__, "write", dsn, str(SECONDS)) as writing:
        while writing.poll() is None:
            time.sleep(0.25)
            lags.append(_held(connection, _LAG) or 0.0)
            memory.append(_resident(serving.pid))
    ended = time.monotonic()
    head = _held(connection, "SELECT max(last) FROM aetherius.ledger")
    events = _held(connection, "SELECT max(notification_id) FROM aetherius.observed")
    _until(lambda: _held(connection, "SELECT position FROM aetherius.checkpoints WHERE name = 'events'") >= events)
    left = time.monotonic() - ended
    rate = (head - first) / (ended - began - _START)
    settled = lags[len(lags) // 8 :]
    quarter = statistics.mean(memory[len(memory) // 4 : len(memory) // 2])
    growth_of_memory = statistics.mean(memory[-8:]) / quarter
    return [
        _row("projections.sustained", rate, "events/s", f"{RATE} events/s", rate / RATE, settled),
        _row("projections.lag_at_end", left * 1000, "ms", "1000 ms", left, []),
        _row("projections.memory", memory[-1], "MB", "its second quarter", growth_of_memory, []),
    ]


_START: Final = 1.0
"""Seconds until the writer's interpreter has started: it says so by waiting as long."""


def write(dsn: str, seconds: float) -> None:
    """The load: reports at the rate, and with each batch a few decisions."""
    grown = growth.GrownLog()
    with Log(dsn, pool_size=2) as log:
        log.head()
        due = until = time.monotonic()
        until += seconds
        while time.monotonic() < until:
            grown.step(log)
            due += growth.BATCH / RATE
            time.sleep(max(0.0, due - time.monotonic()))


# Rebuilding, and questions as of a moment


def grown_rows(grown: growth.GrownLog) -> Iterator[dict[str, Any]]:
    """All rows about a large log, of as many events as `AETHERIUS_BENCH_EVENTS` says."""
    yield from rebuilt(grown, growth.MOST)
    yield from asof(grown, growth.MOST)


def rebuilt(grown: growth.GrownLog, events: int) -> Iterator[dict[str, Any]]:
    """The rows `rebuild.<model>` and `rebuild.all`: events of the log a second, and as a ratio to reading and decoding them (`rebuild.read`)."""
    dsn = grown.to(events)
    with Log(dsn, pool_size=3) as log:
        create_tables(dsn)
        gc.collect()
        start, after = time.perf_counter(), 0
        while len(page := log.read_page(after, 10_000)):
            after = page.next_position
        read = after / (time.perf_counter() - start)
        yield _row("rebuild.read", read, "events/s", "rebuild.read", 1.0, [])
        spare_the_collector()  # as the command does
        for names in (["events"], [model.name for model in MODELS]):
            gc.collect()
            start = time.perf_counter()
            rebuild(dsn, *names, log=log)
            rate = log.head() / (time.perf_counter() - start)
            what = names[0] if len(names) == 1 else "all"
            yield _row(f"rebuild.{what}", rate, "events/s", "rebuild.read", rate / read, [])


def asof(grown: growth.GrownLog, events: int) -> Iterator[dict[str, Any]]:
    """The rows `asof.live`, `asof.<events>` and `asof.occurred.<events>`: lists of 50 reports of a cluster, live, as of random positions, and as of random times
    of what happened. The ratio is p99 to the live list's. The read models hold all of the log (`rebuilt`)."""
    dsn = grown.to(events)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")  # what the rebuild wrote is not to be written out meanwhile
    yield from asyncio.run(_asked(grown, dsn, events))


async def _asked(grown: growth.GrownLog, dsn: str, events: int) -> list[dict[str, Any]]:
    choice = random.Random(3)
    times: dict[str, list[float]] = {"live": [], "position": [], "occurred": [], "both": []}
    with Log(dsn, pool_size=2) as log:
        head = log.head()
        async with PostgresReadModels(dsn, log) as models:
            for number in range(QUESTIONS + 20):
                filter = EventFilter(cluster_id=f"bench-{choice.randrange(10)}")
                position = choice.randrange(head // 100, head)
                at = grown.at(choice.randrange(head // 100, head)) + timedelta(milliseconds=choice.randrange(100))
                for kind, asked in {
                    "live": {},
                    "position": {"as_of": position},
                    "occurred": {"occurred": at},
                    "both": {"as_of": position, "occurred": at},
                }.items():
                    start = time.perf_counter()
                    await models.page(EVENTS, filter, first=PAGE, **asked)  # type: ignore[arg-type]
                    if number >= 20:
                        times[kind].append(time.perf_counter() - start)
    live = _p99(times["live"])
    names = {"live": f"asof.live.{events}", "position": f"asof.{events}"}
    names |= {"occurred": f"asof.occurred.{events}", "both": f"asof.bitemporal.{events}"}
    return [
        _row(names[kind], 1 / statistics.median(own), "lists/s", names["live"] + " p99", _p99(own) / live, own)
        for kind, own in times.items()
    ]


# Parts


@contextmanager
def _server() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="aetherius-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the server, run as another user by root, must reach its data
        server = EmbeddedPostgres(folder / "postgres")
        try:
            dsn = asyncio.run(server.start())
            create_tables(dsn)
            yield dsn
        finally:
            asyncio.run(server.stop())


@contextmanager
def _process(dsn: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "AETHERIUS_POSTGRES_DSN": dsn}
    with subprocess.Popen([sys.executable, *words], env=environment) as process:
        try:
            yield process
        finally:
            process.terminate()


def _until(condition: Callable[[], bool], within: float = 60.0) -> None:
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.005)


def _held(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query).fetchone()  # type: ignore[arg-type]  # from above
    return row[0] if row else None


def _resident(pid: int) -> float:
    """Memory of a process, in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _p99(times: Sequence[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


def _row(name: str, value: float, unit: str, reference: str, ratio: float, times: Sequence[float]) -> dict[str, Any]:
    in_order = sorted(times) or [0.0]
    return {
        "name": name,
        "value": round(value, 1),
        "unit": unit,
        "reference": reference,
        "ratio": round(ratio, 4),
        "p50_ms": round(statistics.median(in_order) * 1000, 2),
        "p99_ms": round(_p99(in_order) * 1000, 2),
    }


def main(words: Sequence[str]) -> None:
    """`sustained`, or `grown`: what is measured on the log that `growth.py` fills; `write DSN SECONDS` is the load's process."""
    if words[:1] == ["write"]:
        write(words[1], float(words[2]))
        return
    if words[:1] != ["grown"]:
        _show(sustained())
    if words[:1] != ["sustained"]:
        with growth.GrownLog() as grown:
            _show(grown_rows(grown))


def _show(rows: Iterator[dict[str, Any]] | Sequence[dict[str, Any]]) -> None:
    for row in rows:
        sys.stdout.write(
            f"{row['name']:<28} {row['value']:>12,.1f} {row['unit']:<9} {row['ratio']:>8.3f} of {row['reference']}"
            f"  p50 {row['p50_ms']} ms  p99 {row['p99_ms']} ms\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
