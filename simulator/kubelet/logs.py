"""What the simulated containers write: a few plausible lines for a run, by how the run goes.

The lines follow from the run's start and its fault, so that asking twice gives the same text; nothing is stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from aetherius.simulator.documents import micro_stamp
from aetherius.simulator.kubelet.log_options import LogOptions
from aetherius.simulator.quantities import quantity

_PERIOD = 2.0  # seconds between requests
_LONGEST = 400  # lines
_PATHS = ("/healthz", "/api/orders", "/api/cart", "/api/orders/4711", "/metrics")


@dataclass(frozen=True)
class Run:
    """One run of a container: `end` is None while it runs; `limit` and `working_set` are quantities of memory."""

    start: datetime
    end: datetime | None
    image: str
    fails: str = ""
    limit: str = ""
    working_set: str = ""


def log_text(run: Run, options: LogOptions, now: datetime) -> str:
    """The log of a run, cut as the options ask."""
    lines = [(at, text) for at, text in _lines(run, run.end or now) if at <= (run.end or now)]
    if options.since_seconds is not None:
        lines = [(at, text) for at, text in lines if at >= now - timedelta(seconds=options.since_seconds)]
    if options.tail is not None and options.tail >= 0:
        lines = lines[len(lines) - min(options.tail, len(lines)) :]
    told = "".join(f"{f'{micro_stamp(at)} ' if options.timestamps else ''}{text}\n" for at, text in lines)
    return told if options.limit_bytes is None else told.encode()[: options.limit_bytes].decode(errors="ignore")


def _lines(run: Run, until: datetime) -> Iterator[tuple[datetime, str]]:
    yield run.start, f'level=info msg="starting" image={run.image}'
    yield run.start + timedelta(milliseconds=40), 'level=info msg="listening" address=:8080'
    if run.fails == "oom":
        yield from _growth(run)
    elif run.fails == "liveness":
        yield from _deadlock(run)
    else:
        yield from _requests(run, until)


def _growth(run: Run) -> Iterator[tuple[datetime, str]]:
    limit, need = (float(quantity(text)) / 2**20 for text in (run.limit, run.working_set))
    yield run.start + timedelta(milliseconds=80), f'level=info msg="warming cache" expected_mib={need:.0f}'
    for step in range(1, 9):
        held = min(limit * step / 8, need)
        level = "info" if step < 7 else "warn"
        yield (
            run.start + timedelta(milliseconds=80 + 90 * step),
            f'level={level} msg="allocated cache block" heap_mib={held:.0f}',
        )
    text = f'level=error msg="allocation failed soon: memory limit nearly reached" heap_mib={limit:.0f} limit_mib={limit:.0f}'
    yield run.start + timedelta(milliseconds=890), text


def _deadlock(run: Run) -> Iterator[tuple[datetime, str]]:
    yield run.start + timedelta(milliseconds=300), 'level=info msg="request" path=/api/orders status=200 ms=12'
    yield run.start + timedelta(milliseconds=600), 'level=warn msg="worker pool exhausted" busy=16 waiting=41'
    yield (
        run.start + timedelta(milliseconds=900),
        'level=error msg="request" path=/healthz status=500 ms=1000 error="no free worker"',
    )


def _requests(run: Run, until: datetime) -> Iterator[tuple[datetime, str]]:
    count = max(1, int((until - run.start).total_seconds() / _PERIOD) + 1)
    for number in range(max(0, count - _LONGEST), count):
        path, ms = _PATHS[number % len(_PATHS)], 3 + number * 7 % 23
        at = run.start + timedelta(seconds=0.2 + number * _PERIOD)
        yield at, f'level=info msg="request" path={path} status=200 ms={ms}'
