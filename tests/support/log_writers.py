"""Stories of writers for tests that compare the log with a list in memory: what is stored, what is refused, and what of callers at once one gets."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import psycopg
import pytest
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from psycopg import sql
from psycopg.conninfo import make_conninfo

from aetherius.domain.agent import Registered
from aetherius.domain.cluster_event import Reported
from aetherius.domain.errors import DomainError
from aetherius.domain.event import Cause
from aetherius.domain.wire.event import Labels, Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.event_store.audit.anchor import Anchor
from aetherius.event_store.errors import (
    CheckpointConflictError,
    UnplaceableEventError,
    VersionConflictError,
)
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending
from aetherius.event_store.reading import timeline
from log_follower import Follower, Followers
from log_model import LogModel

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CAUSE = Cause(actor="user:ann")
STREAMS = [UUID(int=number) for number in range(1, 4)]
READERS = ("first", "second")
TOPICS: list[tuple[str, ...]] = [(), (Reported.topic,), (Registered.topic,), (Reported.topic, Registered.topic)]

hours = st.integers(-24 * 40, 24 * 8)
"""When an observation happened, from noon: late ones, and early ones."""
share = st.floats(0, 1)
"""Of the log: where to read."""


class Writers(RuleBasedStateMachine):
    """Two replicas that write: decisions, observations and steps of readers; a model that is told the same."""

    def __init__(self, postgres: str, template: str) -> None:
        super().__init__()
        self.postgres, self.name = postgres, f"example_{uuid.uuid4().hex}"
        with psycopg.connect(postgres, autocommit=True) as admin:
            create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            admin.execute(create.format(sql.Identifier(self.name), sql.Identifier(template)))
        self.dsn = make_conninfo(postgres, dbname=self.name)
        self.logs = [Log(self.dsn, pool_size=4) for _ in range(2)]
        self.connection = psycopg.connect(self.dsn, autocommit=True)
        self.followers = Followers(self.dsn)
        self.followers.__enter__()
        self.following: list[tuple[Follower, int, tuple[str, ...]]] = []
        self.model = LogModel()
        self.anchors: list[Anchor] = []
        self.kept = [(0, timeline.timelines(self.connection)[-1].id)]
        """Positions and timelines that somebody outside keeps."""
        self.reported: list[Pending] = []
        self.count = 0
        self.folder = TemporaryDirectory(prefix="aetherius-test-")
        self.archive_url = Path(self.folder.name).as_uri()

    def teardown(self) -> None:
        self.followers.__exit__(None, None, None)
        self.connection.close()
        for log in self.logs:
            log.close()
        with psycopg.connect(self.postgres, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name)))
        self.folder.cleanup()

    # What is written

    def decision(self, stream: UUID, version: int) -> Pending:
        self.count += 1
        event = Registered(
            cluster_id="c1",
            agent_id="a1",
            epoch=self.count,
            agent_version="1",
            kubernetes_version="1.37",
            capabilities=[],
        )
        return Pending(stream, version, event, NOON, CAUSE)

    def observation(self, hour: int) -> Pending:
        self.count += 1
        at = NOON + timedelta(hours=hour)
        event = Reported(
            cluster_id="c1",
            source="kubelet",
            severity=Severity.HIGH,
            reason="BackOff",
            message="ö" * (self.count % 40),
            labels=Labels(kind="Pod", name="web-1"),
            agent_id="a1",
            epoch=1,
            sequence=self.count,
        )
        pending = Pending(UUID(observation_id("c1", at, self.count)), 1, event, at, CAUSE)
        self.reported.append(pending)
        return pending

    def decisions(self, streams: list[int]) -> list[Pending]:
        """One more event for each stream named, in this order."""
        last = {stream: self.model.last_version(stream) for stream in STREAMS}
        batch = []
        for number in streams:
            last[STREAMS[number]] += 1
            batch.append(self.decision(STREAMS[number], last[STREAMS[number]]))
        return batch

    def grown(self) -> None:
        """Learn when the last batch was recorded: only the log's clock knows."""
        self.model.note(self.model.head, self.logs[0].recorded_at(self.model.head))

    @rule(
        replica=st.integers(0, 1),
        streams=st.lists(st.integers(0, 2), min_size=1, max_size=5),
        late=st.lists(hours, max_size=2),
    )
    def append(self, replica: int, streams: list[int], late: list[int]) -> None:
        """Decisions at their right versions, with observations or without."""
        batch, before = self.decisions(streams) + [self.observation(hour) for hour in late], self.model.head
        self.same(UnplaceableEventError, lambda: self.model.append(batch), lambda: self.logs[replica].append(batch))
        if self.model.head > before:
            self.grown()

    @rule(
        replica=st.integers(0, 1), stream=st.integers(0, 2), off=st.sampled_from([-2, -1, 1, 3]), before=st.booleans()
    )
    def append_at_a_wrong_version(self, replica: int, stream: int, off: int, before: bool) -> None:
        """Nothing of the batch is stored."""
        wrong = self.decision(STREAMS[stream], self.model.last_version(STREAMS[stream]) + 1 + off)
        batch = [*(self.decisions([(stream + 1) % 3]) if before else ()), wrong]
        self.refused(VersionConflictError, lambda: self.model.append(batch), lambda: self.logs[replica].append(batch))

    @rule(streams=st.lists(st.integers(0, 2), min_size=2, max_size=4))
    def append_at_once(self, streams: list[int]) -> None:
        """Callers of both replicas that claim the same versions: of those for one stream, one is stored."""
        batches = [self.decisions([number]) for number in streams]
        with ThreadPoolExecutor(len(batches)) as callers:
            outcomes = list(callers.map(self.outcome, self.logs * 2, batches))
        stored = sorted((last, batch) for last, batch in zip(outcomes, batches, strict=True) if last is not None)
        for last, batch in stored:
            assert self.model.append(batch) == last
        assert len(stored) == len(set(streams))
        for last, _ in stored:  # group commit may have put several into one entry of the ledger
            if last in self.ends():
                self.model.note(last, self.logs[0].recorded_at(last))

    @staticmethod
    def outcome(log: Log, batch: list[Pending]) -> int | None:
        try:
            return log.append(batch)
        except VersionConflictError:
            return None

    def ends(self) -> set[int]:
        return {row[0] for row in self.connection.execute("SELECT last FROM aetherius.ledger").fetchall()}

    @rule(
        replica=st.integers(0, 1),
        fresh=st.lists(hours, max_size=6),
        again=st.lists(share, max_size=4),
        bulk=st.sampled_from([0] * 6 + [70]),
        shuffled=st.randoms(use_true_random=False),
    )
    def ingest(self, replica: int, fresh: list[int], again: list[float], bulk: int, shuffled: object) -> None:
        """Reports from any time in any order, some of them for the second time."""
        known = [self.reported[int(part * (len(self.reported) - 1))] for part in again if self.reported]
        batch = [*known, *(self.observation(hour) for hour in fresh + list(range(bulk)))]
        batch += batch[:1]
        shuffled.shuffle(batch)  # type: ignore[attr-defined]
        before, stored = self.model.head, [pending.stored() for pending in batch]
        try:
            count = self.model.ingest(batch)
        except UnplaceableEventError:
            with pytest.raises(UnplaceableEventError):
                self.logs[replica].ingest(stored)
            return
        assert self.logs[replica].ingest(stored) == count
        if self.model.head > before:
            self.grown()

    @rule(year=st.integers(2060, 2200), replica=st.integers(0, 1))
    def report_from_the_future(self, year: int, replica: int) -> None:
        """No partition is made for it."""
        at = NOON.replace(year=year)
        lost = self.observation(0)
        pending = Pending(UUID(observation_id("c1", at, self.count)), 1, lost.event, at, CAUSE)
        self.reported.pop()
        with pytest.raises(UnplaceableEventError):
            self.logs[replica].ingest([pending.stored()])
        with pytest.raises(UnplaceableEventError):
            self.logs[replica].append([pending])

    @rule(
        replica=st.integers(0, 1),
        name=st.sampled_from(READERS),
        step=st.integers(0, 3),
        stale=st.sampled_from([0, 0, 0, 1]),
        strict=st.booleans(),
        streams=st.lists(st.integers(0, 2), max_size=2),
    )
    def transact(self, replica: int, name: str, step: int, stale: int, strict: bool, streams: list[int]) -> None:
        """A reader takes a step, with its decisions; or tries to, from where it is not any more."""
        at = self.model.checkpoints.get(name, 0)
        position, after = at + step, at - stale if strict else None
        assume(position > 0 and (after is None or after >= 0))
        batch, before = self.decisions(streams), self.model.head
        log = self.logs[replica]
        self.same(
            CheckpointConflictError,
            lambda: self.model.transact(name, position, batch, after),
            lambda: log.transact(name, position, batch, after=after),
        )
        if self.model.head > before:
            self.grown()

    @rule(name=st.sampled_from(READERS), step=st.integers(1, 3), strict=st.booleans(), stream=st.integers(0, 2))
    def transact_twice_at_once(self, name: str, step: int, strict: bool, stream: int) -> None:
        """Two replicas do the same work: it is applied once."""
        at = self.model.checkpoints.get(name, 0)
        batch, after = self.decisions([stream]), at if strict else None

        def attempt(log: Log) -> int | None:
            try:
                return log.transact(name, at + step, batch, after=after)
            except CheckpointConflictError:
                return None

        with ThreadPoolExecutor(2) as replicas:
            outcomes = list(replicas.map(attempt, self.logs))
        assert sorted(outcomes, key=str) == [self.model.transact(name, at + step, batch, after), None]
        self.grown()

    @rule(name=st.sampled_from(READERS))
    def forget_a_checkpoint(self, name: str) -> None:
        self.logs[0].reset_checkpoint(name)
        self.model.checkpoints.pop(name, None)

    # Outcomes

    def same(self, error: type[DomainError], model: object, log: object) -> None:
        """Both give the same, or refuse alike."""
        try:
            expected = model()  # type: ignore[operator]
        except error as exc:
            with pytest.raises(type(exc)):
                log()  # type: ignore[operator]
        else:
            assert log() == expected  # type: ignore[operator]

    def refused(self, error: type[DomainError], model: object, log: object) -> None:
        for write in (model, log):
            with pytest.raises(error):
                write()  # type: ignore[operator]
