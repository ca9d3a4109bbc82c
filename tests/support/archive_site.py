"""A log with observations of many weeks, some of which are old enough to be archived, and ways to read all of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID, uuid5

import psycopg
from eventsourcing.persistence import StoredEvent

from aetherius.domain.agent import GapDetected
from aetherius.domain.cluster_event import Reported
from aetherius.domain.event import Cause, Recorded, encode
from aetherius.domain.wire.event import Labels, Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.event_store.archive.archiver import Archiver
from aetherius.event_store.audit import ledger_audit as audit
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending
from aetherius.event_store.upkeep.partitions import partitions

START = datetime(2026, 1, 5, tzinfo=UTC)
"""The first week's partition begins near it."""
NOW = START + timedelta(weeks=30)
CAUSE = Cause(actor="system:test")
_NAMES = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


def observation(number: int, at: datetime, cluster: str = "c1") -> StoredEvent:
    """Observation `number`, which happened at a time."""
    event = Reported(
        cluster_id=cluster,
        source="kubelet",
        severity=Severity.HIGH,
        reason="BackOff",
        message=f"restarting failed container {number}",
        labels=Labels(kind="Pod", name=f"web-{number % 7}"),
        agent_id="a1",
        epoch=1,
        sequence=number,
    )
    id = UUID(observation_id(cluster, at, uuid5(_NAMES, str(number))))
    return StoredEvent(id, 1, event.topic, encode(event, at, CAUSE))


def decision(number: int) -> Pending:
    """A decided event of a stream of its own."""
    event = GapDetected(cluster_id="c1", epoch=1, first=number, last=number)
    return Pending(uuid5(_NAMES, f"d{number}"), 1, event, START, CAUSE)


def fill(log: Log, *, weeks: int = 4, each: int = 60, seed: int = 1) -> int:
    """Store `each` observations of every week, somewhat out of order, with decisions between; the head."""
    random = Random(seed)  # the same tests every time
    numbers = list(range(weeks * each))
    times = {n: START + timedelta(weeks=n // each, minutes=random.randrange(60 * 24 * 7)) for n in numbers}
    late = sorted(numbers, key=lambda n: n + random.randrange(each // 2))
    for start in range(0, len(late), 25):
        log.ingest([observation(n, times[n]) for n in late[start : start + 25]])
        log.append([decision(start)])
    return log.head()


def everything(log: Log, size: int = 37) -> list[Recorded]:
    """The whole log, page by page."""
    events: list[Recorded] = []
    after = 0
    while page := log.read_page(after, size):
        events += page.events
        after = page.next_position
    return events


def archive(dsn: str, where: Path | str, *, retain_days: int = 185, now: datetime = NOW) -> list[str]:
    """Archive what is due, into a folder or to a URL; the partitions' names."""
    with Archiver(dsn, where if isinstance(where, str) else where.as_uri()) as archiver:
        return [done.name for done in archiver.run(retain_days, now, accepted_days=14)]


def audited(dsn: str) -> audit.AuditReport:
    """An audit of the log."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return audit.verify(connection)


def names(dsn: str) -> list[str]:
    """The partitions that are tables, the oldest first."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return [each.name for each in partitions(connection)]
