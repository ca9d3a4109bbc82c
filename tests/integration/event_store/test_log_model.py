"""The log against a list in memory: whatever is written in whatever order, every way of reading it says what the list says, and the audit finds nothing.

Short in a usual run; `AETHERIUS_LONG_TESTS=1` tries many more stories.
"""

from __future__ import annotations

import io
import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test
from psycopg import sql
from psycopg.conninfo import make_conninfo

from aetherius.domain.agent import Agent, Registered
from aetherius.domain.event import Cause
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
    StreamNotFoundError,
    UnknownPositionError,
)
from aetherius.event_store.pending import Pending
from aetherius.event_store.reading import timeline
from aetherius.event_store.upkeep import partitions
from ledger_samples import KEY
from log_writers import READERS, STREAMS, TOPICS, Writers, share

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CAUSE = Cause(actor="user:ann")
LONG = bool(os.environ.get("AETHERIUS_LONG_TESTS"))
EXAMPLES, STEPS = (300, 60) if LONG else (20, 30)


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


class Story(Writers):
    """Readers that follow what is written, auditors that look, and now and then a restore."""

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
