"""What every log promises to those who use it, in memory and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from psycopg import Cursor
from psycopg.rows import TupleRow

from aetherius.domain.agent import Agent, GapDetected, Registered
from aetherius.domain.cluster_event import Reported
from aetherius.domain.command import Succeeded
from aetherius.domain.errors import NoKeyError
from aetherius.domain.event import Cause
from aetherius.domain.secrets import opened
from aetherius.domain.wire.identity import observation_id
from aetherius.event_store.errors import (
    AnotherTimelineError,
    CheckpointConflictError,
    PositionAheadError,
    StreamNotFoundError,
    UnknownPositionError,
    UnplaceableEventError,
    VersionConflictError,
)
from aetherius.event_store.memory import MemoryLog
from aetherius.event_store.pending import Pending
from aetherius.event_store.ports import EventLog
from event_builders import NOON, a_choice, a_command, a_gap, report
from event_log_sites import LogSite
from sealed_state import KEYS

CAUSE = Cause(actor="user:ann", correlation_id=UUID(int=7), causation_id=UUID(int=8), traceparent="00-ab-cd-01")


@pytest.fixture
def log(site: LogSite) -> EventLog:
    return site.log


def gaps(id: UUID, *versions: int) -> list[Pending]:
    """Events of a decided stream, told apart by their version."""
    return [
        Pending(id, each, GapDetected(cluster_id="c1", epoch=1, first=each, last=each), NOON, CAUSE)
        for each in versions
    ]


def an_agent(id: UUID, *epochs: int) -> Agent:
    agent = Agent(id)
    for epoch in epochs:
        registered = Registered(
            cluster_id="c1", agent_id="a1", epoch=epoch, agent_version="1", kubernetes_version="1.37"
        )
        agent.record(registered, NOON)
    return agent


def positions(log: EventLog, topics: Sequence[str]) -> list[int]:
    return [recorded.position for recorded in log.read(0, 1000, topics)]


class TestOrder:
    def test_an_empty_log_is_at_0_and_has_nothing(self, log: EventLog) -> None:
        page = log.read_page(0, 10)
        assert (log.head(), page.events, page.next_position) == (0, [], 0)

    def test_positions_are_one_sequence_over_what_is_observed_and_what_is_decided(self, log: EventLog) -> None:
        id = uuid4()
        log.append([*gaps(id, 1), report("c1")])
        assert log.ingest([report("c1").stored(), report("c2").stored()]) == 2
        assert log.append(gaps(id, 2)) == log.head() == 5
        read = log.read(0, 10)
        assert [recorded.position for recorded in read] == [1, 2, 3, 4, 5]
        assert [type(recorded.event) for recorded in read] == [GapDetected, Reported, Reported, Reported, GapDetected]

    def test_nothing_to_append_is_no_append(self, log: EventLog) -> None:
        log.append(gaps(uuid4(), 1))
        assert log.append([]) == 1
        assert log.ingest([]) == 0
        assert log.head() == 1

    def test_an_event_comes_back_as_it_was_with_its_envelope(self, log: EventLog) -> None:
        (pending,) = gaps(uuid4(), 1)
        log.append([report("c9"), pending])
        (recorded,) = log.stream(pending.stream_id)
        assert (recorded.position, recorded.version, recorded.stream_id) == (2, 1, pending.stream_id)
        assert (recorded.event, recorded.occurred_at, recorded.cause) == (pending.event, NOON, CAUSE)


class TestVersions:
    def test_each_event_follows_its_stream(self, log: EventLog) -> None:
        id, other = uuid4(), uuid4()
        log.append([*gaps(id, 1), *gaps(other, 1), *gaps(id, 2)])
        log.append(gaps(id, 3))
        assert [recorded.position for recorded in log.stream(id)] == [1, 3, 4]

    @pytest.mark.parametrize("version", [1, 3, 0])
    def test_a_version_that_does_not_follow_is_refused_with_all_its_batch(self, log: EventLog, version: int) -> None:
        id = uuid4()
        log.append(gaps(id, 1))
        with pytest.raises(VersionConflictError) as refused:
            log.append([*gaps(uuid4(), 1), *gaps(id, version)])
        assert (refused.value.stream_id, refused.value.version) == (id, version)
        assert log.head() == 1

    def test_a_version_that_is_claimed_twice_in_one_batch_is_refused(self, log: EventLog) -> None:
        with pytest.raises(VersionConflictError):
            log.append(gaps(uuid4(), 1, 1))
        assert log.head() == 0

    def test_what_an_aggregate_decided_is_saved_after_what_it_was(self, log: EventLog) -> None:
        id = uuid4()
        assert log.save(an_agent(id, 1, 2), CAUSE) == 2
        first, second = log.load(Agent, id), log.load(Agent, id)
        for agent, epoch in ((first, 3), (second, 4)):
            agent.record(an_agent(id, epoch).pending[0][0], NOON)
        log.save(first, CAUSE)
        with pytest.raises(VersionConflictError):
            log.save(second, CAUSE)
        assert log.load(Agent, id).epoch == 3

    def test_nothing_decided_is_saved_as_nothing(self, log: EventLog) -> None:
        id = uuid4()
        log.save(an_agent(id, 1), CAUSE)
        assert log.save(log.load(Agent, id), CAUSE) == 1


class TestObservations:
    def test_what_is_known_is_dropped_and_so_is_what_comes_twice(self, log: EventLog) -> None:
        stored = [report("c1").stored() for _ in range(4)]
        assert log.ingest(stored[:2]) == 2
        assert log.ingest([stored[1], stored[2], stored[3], stored[3]]) == 2
        assert log.ingest(stored) == 0
        assert [recorded.stream_id for recorded in log.read(0, 10)] == [event.originator_id for event in stored]

    def test_one_whose_id_says_it_is_years_ahead_is_refused(self, log: EventLog) -> None:
        ahead = UUID(observation_id("c1", datetime.now(UTC) + timedelta(days=800), 1))
        late = Pending(ahead, 1, report("c1").event, NOON, CAUSE)
        with pytest.raises(UnplaceableEventError):
            log.ingest([report("c1").stored(), late.stored()])
        with pytest.raises(UnplaceableEventError):
            log.append([late])
        with pytest.raises(UnplaceableEventError):
            log.transact("p", 1, [late])
        assert (log.head(), log.checkpoint("p")) == (0, 0)


class TestStreams:
    def test_a_stream_is_read_between_two_versions(self, log: EventLog) -> None:
        id = uuid4()
        log.append(gaps(id, 1, 2, 3, 4))
        assert [recorded.version for recorded in log.stream(id, 2, 3)] == [2, 3]
        assert [recorded.version for recorded in log.stream(id, 3)] == [3, 4]
        assert log.stream(id, 5) == []

    def test_an_unknown_stream_is_empty_and_cannot_be_loaded(self, log: EventLog) -> None:
        id = uuid4()
        assert log.stream(id) == []
        with pytest.raises(StreamNotFoundError, match=str(id)):
            log.load(Agent, id)

    def test_an_aggregate_is_loaded_as_of_a_version_or_a_position(self, log: EventLog) -> None:
        id = uuid4()
        log.save(an_agent(id, 1), CAUSE)
        log.append(gaps(uuid4(), 1))
        agent = log.load(Agent, id)
        agent.record(an_agent(id, 2).pending[0][0], NOON)
        log.save(agent, CAUSE)
        assert [log.load(Agent, id, version=version).epoch for version in (1, 2)] == [1, 2]
        assert [log.load(Agent, id, position=position).epoch for position in (1, 2, 3)] == [1, 1, 2]
        with pytest.raises(StreamNotFoundError):
            log.load(Agent, id, position=0)

    def test_events_are_read_at_positions(self, log: EventLog) -> None:
        log.append([report("c1"), *gaps(uuid4(), 1, 2)])
        assert [recorded.position for recorded in log.at([3, 1, 9, 1])] == [1, 3]


class TestPages:
    @pytest.fixture(autouse=True)
    def _ten_events(self, log: EventLog) -> None:
        """Odd positions are observed, even ones decided."""
        log.append([each for n in range(5) for each in (report(f"c{n}"), *gaps(uuid4(), 1))])

    def test_a_page_ends_at_its_limit_at_the_head_or_where_it_was_told(self, log: EventLog) -> None:
        page = log.read_page(0, 4)
        assert ([recorded.position for recorded in page], page.next_position) == ([1, 2, 3, 4], 4)
        assert log.read_page(8, 4).next_position == 10
        assert log.read_page(10, 4).next_position == 10
        assert [recorded.position for recorded in log.read(2, 100, upto=5)] == [3, 4, 5]
        assert log.read_page(2, 100, upto=5).next_position == 5

    def test_a_page_past_the_head_stays_where_it_is(self, log: EventLog) -> None:
        page = log.read_page(12, 4)
        assert (page.events, page.next_position) == ([], 12)

    def test_a_page_of_topics_goes_on_after_its_last_event_or_at_the_head(self, log: EventLog) -> None:
        page = log.read_page(0, 2, [GapDetected.topic])
        assert ([recorded.position for recorded in page], page.next_position) == ([2, 4], 4)
        page = log.read_page(8, 2, [GapDetected.topic])
        assert ([recorded.position for recorded in page], page.next_position) == ([10], 10)
        assert log.read_page(9, 2, [Reported.topic]).next_position == 10

    def test_topics_of_both_kinds_are_read_in_one_order(self, log: EventLog) -> None:
        assert positions(log, [Reported.topic, GapDetected.topic]) == list(range(1, 11))
        assert positions(log, [Reported.topic]) == [1, 3, 5, 7, 9]

    def test_topics_that_nothing_has_lead_to_the_head(self, log: EventLog) -> None:
        page = log.read_page(0, 2, [Registered.topic])
        assert (page.events, page.next_position) == ([], 10)


def test_a_page_of_clusters_has_what_concerns_them_or_all(log: EventLog) -> None:
    log.append([report("south"), *a_command("north"), a_choice(), *a_command("south"), a_gap("north"), report("north")])
    page = log.read_page(0, 100, clusters=["north"])
    assert ([recorded.position for recorded in page], page.next_position) == ([2, 3, 4, 7, 8], 8)
    assert [recorded.position for recorded in log.read_page(2, 2, clusters=["north"])] == [3, 4]
    assert log.clusters_of(log.read(0, 4)) == ["south", "north", "north", ""]


class TestTransact:
    def test_checkpoint_rows_and_events_are_one(self, site: LogSite) -> None:
        log, id = site.log, uuid4()
        assert log.transact("p", 5, gaps(id, 1), site.keeping(1)) == 1
        assert (log.checkpoint("p"), site.numbers(), log.head()) == (5, [1], 1)
        with pytest.raises(VersionConflictError):
            log.transact("p", 6, gaps(id, 1), site.keeping(2))
        assert (log.checkpoint("p"), site.numbers(), log.head()) == (5, [1], 1)

    def test_without_events_there_is_no_position(self, site: LogSite) -> None:
        assert site.log.transact("p", 5, (), site.keeping(1, 2)) is None
        assert (site.log.checkpoint("p"), site.numbers()) == (5, [1, 2])

    @pytest.mark.parametrize("position", [5, 4])
    def test_what_was_done_is_not_done_again(self, site: LogSite, position: int) -> None:
        site.log.transact("p", 5, (), site.keeping(1))
        with pytest.raises(CheckpointConflictError):
            site.log.transact("p", position, gaps(uuid4(), 1), site.keeping(2))
        assert (site.numbers(), site.log.head()) == ([1], 0)

    def test_a_checkpoint_moves_only_from_where_its_owner_read(self, log: EventLog) -> None:
        with pytest.raises(CheckpointConflictError):
            log.transact("p", 5, after=4)
        log.transact("p", 5, after=0)
        for after in (0, 4):
            with pytest.raises(CheckpointConflictError):
                log.transact("p", 9, after=after)
        log.transact("p", 9, after=5)
        assert (log.checkpoint("p"), log.checkpoint("q")) == (9, 0)

    def test_a_checkpoint_that_was_reset_starts_again_and_does_not_come_back(self, log: EventLog) -> None:
        log.transact("p", 5, after=0)
        log.reset_checkpoint("p")
        with pytest.raises(CheckpointConflictError):
            log.transact("p", 9, after=5)
        assert log.checkpoint("p") == 0
        log.transact("p", 1, after=0)
        assert log.checkpoint("p") == 1

    def test_an_error_of_the_rows_undoes_all(self, site: LogSite) -> None:
        def refuse(cursor: Cursor[TupleRow]) -> None:
            site.keeping(7)(cursor)
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            site.log.transact("p", 1, gaps(uuid4(), 1), refuse)
        assert (site.log.checkpoint("p"), site.log.head(), site.numbers()) == (0, 0, [])

    def test_decisions_of_both_kinds_are_stored_in_the_order_they_were_taken(self, log: EventLog) -> None:
        id = uuid4()
        assert log.transact("p", 1, [*gaps(id, 1), report("c1"), *gaps(id, 2)]) == 3
        assert [recorded.version for recorded in log.read(0, 10)] == [1, 1, 2]


class TestTimes:
    def test_times_lead_to_positions_and_back(self, log: EventLog) -> None:
        log.append(gaps(uuid4(), 1, 2))
        log.append(gaps(uuid4(), 1))
        first, last = log.recorded_at(1), log.recorded_at(3)
        assert log.recorded_at(2) == first < last
        assert [log.position_at(at) for at in (first - timedelta(microseconds=1), first, last)] == [0, 2, 3]
        for position in (0, 4):
            with pytest.raises(UnknownPositionError):
                log.recorded_at(position)


class TestRestores:
    def test_a_position_that_the_log_holds_is_of_its_timeline(self, log: EventLog) -> None:
        log.append(gaps(uuid4(), 1))
        timeline = log.check(1)
        assert log.check(0, timeline) == timeline

    def test_a_position_past_the_end_is_of_a_longer_log(self, log: EventLog) -> None:
        with pytest.raises(PositionAheadError):
            log.check(1)

    def test_a_position_of_another_log_is_refused(self, log: EventLog) -> None:
        log.append(gaps(uuid4(), 1))
        with pytest.raises(AnotherTimelineError):
            log.check(1, uuid4())


class TestSecrets:
    answer = Succeeded(exit_code=0, output="password: x")

    def test_a_secret_is_sealed_in_the_log_and_opened_by_its_keys(self, log: EventLog) -> None:
        id = uuid4()
        log.append([Pending(id, 1, self.answer, NOON, CAUSE)])
        (recorded,) = log.stream(id)
        assert recorded.event != self.answer
        assert opened(recorded.event, id, KEYS) == self.answer

    def test_without_keys_it_cannot_be_stored(self) -> None:
        with pytest.raises(NoKeyError):
            MemoryLog().append([Pending(uuid4(), 1, self.answer, NOON, CAUSE)])
