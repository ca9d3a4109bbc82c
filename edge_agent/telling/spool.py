"""The spool: what was seen and is not yet at the platform, on disk, in order, numbered without gaps.

An id is taken once: what the watches show again after a restart or a fresh list is dropped here, by the deterministic ids. The newest `MAX_SEEN` ids are
remembered, also after their events have left; an older one that came back would meet the log's primary key. A recovery is kept only for an object that
was reported as failing. What failed and is gone is remembered too, until somebody tells what became of it.

A full spool drops the least severe events first, the oldest of them first; a new event that is less severe than all that is held is dropped itself. A
dropped event keeps its number, so the platform sees a gap, not silence.

The epoch rises at each start with an empty spool, and the numbers begin at 1 again. It also rises when the machine has started anew since: a loss
of power may have taken the newest rows, and their numbers must not be given twice. What is still spooled is then numbered again.
"""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

import msgspec

from aetherius.domain.wire.event import EventMessage
from aetherius.edge_agent.database import Database
from aetherius.edge_agent.telling.failing import FailingObject
from aetherius.edge_agent.telling.observation import Observation

MAX_SEEN: Final = 200_000
"""Ids remembered: about 20 MiB on disk. More than an hour of events (what the API keeps) at 50 per second."""
MAX_FAILING: Final = 20_000
"""Objects remembered as failing, those that are gone included."""
MAX_BATCH_BYTES: Final = 512 * 1024
"""One message: NATS carries 1 MiB."""
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_PART: Final = "/"
"""Between the uid of an object and the name of its part: no uid has one."""
_encoder = msgspec.json.Encoder()


class SpooledBatch(msgspec.Struct, frozen=True):
    """Events in order, as JSON lines."""

    epoch: int
    first: int
    last: int
    count: int
    lines: bytes


class Spool:
    """Safe to use from several threads; one process at a time (the agent's state folder is locked)."""

    def __init__(self, database: Database, limit: int, boot_id: str | None = None) -> None:
        """`limit`: bytes of events held at most. `boot_id` names the machine's run; read from the kernel by default."""
        self._database = database
        self._limit = limit
        self.dropped = 0
        """Events dropped because the spool was full, since the start."""
        with database.transaction() as rows:
            self.agent_id = _meta(rows, "agent_id") or _remember(rows, "agent_id", f"agent-{uuid.uuid4().hex[:12]}")
            self.epoch = self._enter_epoch(rows, boot_id or _boot_id())
            self._sequence = int(_meta(rows, "sequence") or 0)
            self._bytes = rows.execute("SELECT coalesce(sum(bytes), 0) FROM spool").fetchone()[0]
            self._failing = _failing(rows)

    def _enter_epoch(self, rows: sqlite3.Connection, boot_id: str) -> int:
        epoch = int(_meta(rows, "epoch") or 0)
        same_boot = _meta(rows, "boot_id") == boot_id
        spooled = rows.execute("SELECT event FROM spool ORDER BY sequence").fetchall()
        _remember(rows, "boot_id", boot_id)
        if spooled and same_boot:
            return epoch
        _remember(rows, "epoch", str(epoch + 1))
        rows.execute("DELETE FROM spool")
        for sequence, (event,) in enumerate(spooled, start=1):
            old = msgspec.json.decode(event, type=EventMessage)
            _insert(rows, msgspec.structs.replace(old, epoch=epoch + 1, sequence=sequence))
        _remember(rows, "sequence", str(len(spooled)))
        return epoch + 1

    def add(self, observations: Iterable[Observation]) -> int:
        """Number and keep what was not seen before, in one transaction. Returns how many were new."""
        with self._database.transaction() as rows:
            before, new = (self._sequence, self._bytes, dict(self._failing)), 0
            try:
                for observation in observations:
                    if self._take(rows, observation):
                        new += 1
                        self._note_failing(rows, observation)
                _remember(rows, "sequence", str(self._sequence))
            except BaseException:
                self._sequence, self._bytes, self._failing = before
                raise
        if self._bytes > self._limit:
            self._make_room()
        return new

    def _take(self, rows: sqlite3.Connection, observation: Observation) -> bool:
        if (observation.after_failure or observation.failing is False) and _key(observation) not in self._failing:
            return False  # a recovery is news only after a failure
        if not rows.execute("INSERT OR IGNORE INTO seen (id) VALUES (?)", (observation.id,)).rowcount:
            return False
        self._sequence += 1
        self._bytes += _insert(rows, observation.numbered(self.agent_id, self.epoch, self._sequence))
        return True

    def _note_failing(self, rows: sqlite3.Connection, observation: Observation) -> None:
        uid = _key(observation)
        if observation.hearsay and uid in self._failing:
            return
        if observation.failing and (uid in self._failing or len(self._failing) < MAX_FAILING):
            self._put_failing(rows, uid, FailingObject(namespace=observation.namespace, labels=observation.labels))
        elif observation.failing is False:
            self._drop_failing(rows, uid)

    def _put_failing(self, rows: sqlite3.Connection, uid: str, found: FailingObject) -> None:
        if self._failing.get(uid) != found:
            self._failing[uid] = found
            rows.execute("INSERT OR REPLACE INTO failing VALUES (?, ?)", (uid, _encoder.encode(found)))

    def _drop_failing(self, rows: sqlite3.Connection, uid: str) -> None:
        self._failing.pop(uid, None)
        rows.execute("DELETE FROM failing WHERE uid = ?", (uid,))

    def _make_room(self) -> None:
        """Drop down to nine tenths, so that a full spool is not trimmed for every event; what is more severe only as far as it must be."""
        with self._database.transaction() as rows:
            held = rows.execute("SELECT sequence, rank, bytes FROM spool ORDER BY rank, sequence").fetchall()
            for sequence, rank, size in held:
                if self._bytes <= self._limit * 0.9 or (self._bytes <= self._limit and rank > held[0][1]):
                    return
                rows.execute("DELETE FROM spool WHERE sequence = ?", (sequence,))
                self._bytes -= size
                self.dropped += 1

    def failing(self) -> dict[str, FailingObject]:
        """What is known to fail as a whole, or failed and is gone, by uid. A copy."""
        with self._database.transaction():
            return {uid: found for uid, found in self._failing.items() if _PART not in uid}

    def forget(self, uids: Iterable[str]) -> None:
        """Nobody will ever tell what became of these."""
        known = [uid for uid in uids if uid in self._failing]
        if known:
            with self._database.transaction() as rows:
                for uid in known:
                    self._drop_failing(rows, uid)

    def note_gone(self, uids: Iterable[str], now: float | None = None) -> None:
        """These do not exist any more; `now` is seconds since 1970."""
        uids = set(uids)
        if not uids:
            return
        self.forget([key for key in self._failing if _PART in key and _whole(key) in uids])
        going = [uid for uid in uids if uid in self._failing and not self._failing[uid].gone_at]
        if going:
            with self._database.transaction() as rows:
                for uid in going:
                    found = self._failing[uid]
                    self._put_failing(rows, uid, msgspec.structs.replace(found, gone_at=now or time.time()))

    def note_listed(self, kind: str, uids: Collection[str], now: float | None = None) -> None:
        """These are all objects of a kind: what failed and is not among them went while nobody watched."""
        known = {_whole(key) for key, found in self._failing.items() if found.labels.kind == kind}
        going = known - set(uids)
        self.note_gone(going, now)

    def take(self, count: int) -> SpooledBatch | None:
        """The oldest events, at most `count` and `MAX_BATCH_BYTES`; they stay until `remove`. None if there are none."""
        with self._database.transaction() as rows:
            found = rows.execute("SELECT sequence, event FROM spool ORDER BY sequence LIMIT ?", (count,)).fetchall()
        size = 0
        lines: list[bytes] = []
        for _, event in found:
            size += len(event) + 1
            if lines and size > MAX_BATCH_BYTES:
                break
            lines.append(event)
        if not lines:
            return None
        last = found[len(lines) - 1][0]
        return SpooledBatch(self.epoch, found[0][0], last, len(lines), b"\n".join(lines) + b"\n")

    def remove(self, batch: SpooledBatch) -> None:
        """A batch has arrived."""
        with self._database.transaction() as rows:
            (size,) = rows.execute(
                "SELECT coalesce(sum(bytes), 0) FROM spool WHERE sequence BETWEEN ? AND ?", (batch.first, batch.last)
            ).fetchone()
            rows.execute("DELETE FROM spool WHERE sequence BETWEEN ? AND ?", (batch.first, batch.last))
            rows.execute("DELETE FROM seen WHERE place <= (SELECT max(place) FROM seen) - ?", (MAX_SEEN,))
            self._bytes -= size

    @property
    def last_sequence(self) -> int:
        """The number given last in this epoch; 0 for none."""
        return self._sequence

    def waiting(self) -> int:
        """Events held."""
        with self._database.transaction() as rows:
            return int(rows.execute("SELECT count(*) FROM spool").fetchone()[0])


def _key(observation: Observation) -> str:
    """What fails: an object, or a part of it."""
    return observation.uid + (_PART + observation.part if observation.part else "")


def _whole(key: str) -> str:
    return key.partition(_PART)[0]


def _insert(rows: sqlite3.Connection, event: EventMessage) -> int:
    encoded = _encoder.encode(event)
    rows.execute("INSERT INTO spool VALUES (?, ?, ?, ?)", (event.sequence, event.severity.rank, len(encoded), encoded))
    return len(encoded)


def _failing(rows: sqlite3.Connection) -> dict[str, FailingObject]:
    found = rows.execute("SELECT uid, about FROM failing").fetchall()
    return {uid: msgspec.json.decode(about, type=FailingObject) for uid, about in found}


def _meta(rows: sqlite3.Connection, key: str) -> str | None:
    found = rows.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return str(found[0]) if found else None


def _remember(rows: sqlite3.Connection, key: str, value: str) -> str:
    rows.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value))
    return value


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"
