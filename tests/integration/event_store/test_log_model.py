"""The log against a list in memory: whatever is written in whatever order, every way of reading it says what the list says, and the audit finds nothing.

Short in a usual run; `AETHERIUS_LONG_TESTS=1` tries many more stories.
"""

from __future__ import annotations

import io
import os
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from psycopg import sql
from psycopg.conninfo import make_conninfo

from aetherius.domain.agent import Agent, Registered
from aetherius.domain.cluster_event import Reported
from aetherius.domain.errors import DomainError
from aetherius.domain.event import Cause
from aetherius.domain.wire.event import Labels, Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.event_store import schema
from aetherius.event_store.archive import catalogue
from aetherius.event_store.archive.archiver import Archiver
from aetherius.event_store.archive.restoring import release, restore
from aetherius.event_store.audit import bundle_check, evidence
from aetherius.event_store.audit import ledger_audit as audit
from aetherius.event_store.audit.anchor import Anchor
from aetherius.event_store.audit.bundle_file import PositionRange
from aetherius.event_store.audit.ledger_audit import Wrong
from aetherius.event_store.errors import (
    AnotherTimelineError,
    CheckpointConflictError,
    StreamNotFoundError,
    UnknownPositionError,
    UnplaceableEventError,
    VersionConflictError,
)
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending
from aetherius.event_store.reading import timeline
from aetherius.event_store.upkeep import partitions
from ledger_samples import KEY
from log_follower import Follower, Followers
from log_model import LogModel

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CAUSE = Cause(actor="user:ann")
LONG = bool(os.environ.get("AETHERIUS_LONG_TESTS"))
EXAMPLES, STEPS = (300, 60) if LONG else (20, 30)
STREAMS = [UUID(int=number) for number in range(1, 4)]
READERS = ("first", "second")
TOPICS: list[tuple[str, ...]] = [(), (Reported.topic,), (Registered.topic,), (Reported.topic, Registered.topic)]

hours = st.integers(-24 * 40, 24 * 8)
"""When an observation happened, from noon: late ones, and early ones."""
share = st.floats(0, 1)
"""Of the log: where to read."""


@pytest.fixture(scope="module")
def empty(postgres: str) -> Iterator[str]:
    """Name of a template database with the tables, so that each example gets one of its own at once."""
    name = f"template_{uuid.uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        schema.create(make_conninfo(postgres, dbname=name))
        yield name
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.mark.timeout(3600 if LONG else 300)
def test_the_log_says_what_a_list_in_memory_says(postgres: str, empty: str) -> None:
    class Machine(Story):
        def __init__(self) -> None:
            super().__init__(postgres, empty)

    profile = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[phase for phase in Phase if LONG or phase is not Phase.shrink],  # a short run has no time for it
    )
    run_state_machine_as_test(Machine, settings=profile)


class Story(RuleBasedStateMachine):
    """Two replicas that write, readers that follow, auditors that look, and now and then a restore."""

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

    # What is read

    def place(self, part: float) -> int:
        """A position of the log, 0 and its end included."""
        return round(part * self.model.head)

    @rule(
        replica=st.integers(0, 1),
        after=share,
        length=st.none() | share,
        limit=st.integers(1, 12),
        topics=st.sampled_from(TOPICS),
    )
    def read_a_page(
        self, replica: int, after: float, length: float | None, limit: int, topics: tuple[str, ...]
    ) -> None:
        start = self.place(after)
        upto = None if length is None else start + self.place(length)
        page = self.logs[replica].read_page(start, limit, topics, upto)
        assert page.events == self.model.page(start, limit, topics, upto)
        end = self.model.head if upto is None else min(upto, self.model.head)
        if len(page) < limit:
            assert page.next_position == max(start, end)
        else:
            assert page.events[-1].position <= page.next_position <= end
            assert not self.model.matching(page.events[-1].position, page.next_position, topics)

    @rule(replica=st.integers(0, 1), after=share, length=st.none() | share, size=st.integers(1, 200))
    def read_what_is_stored(self, replica: int, after: float, length: float | None, size: int) -> None:
        start = self.place(after)
        upto = None if length is None else start + self.place(length)
        rows = [row for page in self.logs[replica].stored(start, upto, size=size) for row in page]
        expected = self.model.matching(start, self.model.head if upto is None else upto)
        assert [row[0] for row in rows] == [event.position for event in expected]
        for (_, id, version, topic, state), event in zip(rows, expected, strict=True):
            said = Pending(event.stream_id, event.version, event.event, event.occurred_at, event.cause).stored()
            assert (UUID(bytes=id), version, topic, state) == (event.stream_id, event.version, said.topic, said.state)

    @rule(stream=st.integers(0, 2), first=st.integers(1, 4), last=st.none() | st.integers(1, 6), at=share)
    def read_a_stream(self, stream: int, first: int, last: int | None, at: float) -> None:
        log, id = self.logs[0], STREAMS[stream]
        assert log.stream(id, first, last) == self.model.stream(id, first, last)
        self.load_as(id, last, None)
        self.load_as(id, None, self.place(at))

    def load_as(self, id: UUID, version: int | None, position: int | None) -> None:
        """The aggregate as of a version, or as of a position."""
        history = self.model.stream(id, 1, version, position)
        if not history:
            with pytest.raises(StreamNotFoundError):
                self.logs[0].load(Agent, id, version=version, position=position)
            return
        agent, last = self.logs[0].load(Agent, id, version=version, position=position), history[-1].event
        assert isinstance(last, Registered)
        assert (agent.version, agent.epoch) == (history[-1].version, last.epoch)

    @precondition(lambda self: self.reported)
    @rule(part=share)
    def read_an_observation(self, part: float) -> None:
        id = self.reported[int(part * (len(self.reported) - 1))].stream_id
        assert self.logs[1].stream(id) == self.model.stream(id)

    @precondition(lambda self: self.model.head)
    @rule(part=share, microseconds=st.sampled_from([-1, 0, 1]))
    def ask_for_times(self, part: float, microseconds: int) -> None:
        position = max(1, self.place(part))
        at = self.logs[0].recorded_at(position)
        assert at == self.model.recorded_at(position)
        moved = at + timedelta(microseconds=microseconds)
        assert self.logs[0].position_at(moved) == self.model.position_at(moved)

    @rule(past=st.integers(1, 5))
    def ask_for_what_is_not_there(self, past: int) -> None:
        with pytest.raises(UnknownPositionError):
            self.logs[0].recorded_at(self.model.head + past)
        with pytest.raises(UnknownPositionError):
            evidence.prove(self.connection, self.model.head + past)

    @precondition(lambda self: len(self.following) < 3)
    @rule(replica=st.integers(0, 1), after=share, topics=st.sampled_from(TOPICS), limit=st.integers(1, 50))
    def begin_to_follow(self, replica: int, after: float, topics: tuple[str, ...], limit: int) -> None:
        start = self.place(after)
        self.following.append((self.followers.follow(self.logs[replica], start, topics, limit), start, topics))

    @precondition(lambda self: self.following)
    @rule(part=share)
    def follow(self, part: float) -> None:
        """A subscription comes to the end: it saw each event once, in order."""
        follower, start, topics = self.following[int(part * (len(self.following) - 1))]
        self.followers.catch_up(follower, self.model.head)
        assert follower.seen == self.model.matching(start, self.model.head, topics)

    # What is proved

    @precondition(lambda self: self.model.head)
    @rule()
    def note_an_anchor(self) -> None:
        entry = evidence.last_entry(self.connection)
        assert entry is not None
        assert entry.last == self.model.head
        self.anchors.append(Anchor(entry.last, entry.hash))
        self.kept.append((entry.last, timeline.timelines(self.connection)[-1].id))

    @precondition(lambda self: self.model.head)
    @rule(part=share)
    def prove_an_event(self, part: float) -> None:
        position = max(1, self.place(part))
        proof, event = evidence.prove(self.connection, position), self.model.events[position - 1]
        assert proof.fault() == ""
        assert (proof.event.position, proof.event.stream_id, proof.event.version) == (
            position,
            event.stream_id,
            event.version,
        )

    @precondition(lambda self: self.model.head)
    @rule(first=share, length=share)
    def export_a_bundle(self, first: float, length: float) -> None:
        begin = max(1, self.place(first))
        selection = PositionRange(begin, min(self.model.head, begin + self.place(length)))
        file = io.BytesIO()
        evidence.export(self.connection, file, selection, KEY, NOON)
        file.seek(0)
        report = bundle_check.check(file, KEY.public.key_id, {})
        assert (report.findings, report.events) == ([], selection.last - selection.first + 1)

    # What is archived

    @rule(count=st.integers(1, 2))
    def archive(self, count: int) -> None:
        """The oldest partitions go to the archive; nothing of their time is taken any more."""
        done = {each.name for each in catalogue.archived(self.connection)}
        there = [each for each in partitions.partitions(self.connection) if each.name not in done]
        with Archiver(self.dsn, self.archive_url) as archiver:
            for each in there[:count]:
                if each.ends and each.ends <= NOON - timedelta(days=10):
                    archiver.archive(each)
                    self.model.archive_edge = max(each.ends, self.model.archive_edge or each.ends)
        assert self.logs[0].archive_edge() == self.model.archive_edge

    @rule(part=share, restored=st.booleans())
    def restore_or_release(self, part: float, restored: bool) -> None:
        """An archived partition is a table again, or is not any more: nobody who reads the log sees a difference."""
        done = catalogue.archived(self.connection)
        assume(done)
        name = done[int(part * (len(done) - 1))].name
        assert (restore if restored else release)(self.dsn, name).restored == restored

    def archived_to(self) -> int:
        """The last position that lies in the archive."""
        return max((each.last_position for each in catalogue.archived(self.connection)), default=0)

    # What is lost

    @precondition(lambda self: self.model.head > 3)
    @rule(part=st.floats(0.3, 1), nothing=st.sampled_from([True, False, False]))
    def restore(self, part: float, nothing: bool) -> None:
        """The database comes back as it was at an earlier batch's end; whoever keeps a position learns whether it still holds."""
        lasts = [last for last, _ in self.model.recorded if last >= self.archived_to()]  # an older one has no catalogue
        assume(lasts)
        cut = self.model.head if nothing else lasts[min(int(part * len(lasts)), len(lasts) - 1)]
        for table, column in (("ledger", "last"), ("observed", "notification_id"), ("decided", "notification_id")):
            self.connection.execute(f"DELETE FROM aetherius.{table} WHERE {column} > {cut}")
        ahead = {name: at for name, at in self.model.checkpoints.items() if at > cut}
        missed = [anchor.position for anchor in self.anchors if anchor.position > cut]
        self.model.cut(cut)
        done = timeline.restored(self.dsn, nothing_lost=nothing)
        assert dict(done.ahead) == ahead
        report = audit.verify(self.connection, anchors=self.anchors)
        assert [(f.wrong, f.position) for f in report.findings] == [(Wrong.ANCHOR_MISSED, at) for at in missed]
        self.anchors = [anchor for anchor in self.anchors if anchor.position <= cut]
        self.reported = [pending for pending in self.reported if self.model.last_version(pending.stream_id)]
        self.followers.stop()
        self.following.clear()
        self.check_what_is_kept()

    def check_what_is_kept(self) -> None:
        """Positions of another timeline hold up to where the two parted."""
        lines = timeline.timelines(self.connection)
        for position, id in self.kept:
            later = lines[[each.id for each in lines].index(id) + 1 :]
            if later and position > min(each.began_after for each in later):
                with pytest.raises(AnotherTimelineError):
                    self.logs[0].check(position, id)
            else:
                assert self.logs[0].check(position, id) == lines[-1].id

    # What always holds

    @invariant()
    def everything_agrees(self) -> None:
        log = self.logs[self.count % 2]
        assert log.head() == self.model.head
        assert log.read(0, self.model.head + 10) == self.model.events
        assert {name: log.checkpoint(name) for name in READERS} == {
            name: self.model.checkpoints.get(name, 0) for name in READERS
        }

    @invariant()
    def nothing_is_found(self) -> None:
        report = audit.verify(self.connection, anchors=self.anchors)
        assert report.findings == []
        assert (report.events, report.head.position) == (self.model.head, self.model.head)
        assert report.anchors == len(self.anchors)

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
