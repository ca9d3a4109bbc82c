"""What readers make of events that a newer version wrote: nobody dies of one, and who cannot do without it says so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from uuid import UUID

import pytest
from prometheus_client import REGISTRY
from psycopg import Cursor
from psycopg.rows import TupleRow

from aetherius.domain.agent import GapDetected
from aetherius.domain.cluster import Cluster
from aetherius.domain.errors import UnreadableEventError
from aetherius.domain.event import Recorded, Unreadable, topics_of
from aetherius.event_store.audit.trail import Trail, Wanted
from aetherius.event_store.contents_index import ContentsIndex
from aetherius.event_store.log import Log
from aetherius.event_store.reading.filtered import wanted
from aetherius.event_store.subscription import LogSignal
from aetherius.readers.competing_consumer import CompetingConsumer, Delivery
from aetherius.readers.deciding import Deciding
from aetherius.readers.deliveries import Deliveries
from aetherius.readers.fan_out import FanOut
from aetherius.readers.follower import Follower
from aetherius.readers.open_log import OpenLog
from aetherius.readers.projecting import Projecting
from aetherius.readers.runner import Runner
from aetherius.readers.state import ReaderStatus
from aetherius.readers.unit import Unit
from event_builders import a_gap, report
from newer_version import TELEPORTED, append_in_another_form, append_nonsense, append_of_unknown_topic

GAPS = topics_of([GapDetected])


@pytest.fixture
def mixed(log: Log) -> Log:
    """Position 1 a gap, 2 of an unknown topic, 3 a gap in another form, 4 nonsense, 5 a gap, 6 a report."""
    log.append([a_gap("berlin")])
    append_of_unknown_topic(log)
    append_in_another_form(log)
    append_nonsense(log)
    log.append([a_gap("oslo")])
    log.append([report("berlin")])
    return log


class Positions:
    """A projector that keeps the positions it was given."""

    def __init__(self, topics: Sequence[str]) -> None:
        self.name, self.topics = "positions", topics
        self.given: list[int] = []

    def apply(self, batch: Sequence[Recorded], rows: Cursor[TupleRow]) -> None:
        self.given += [recorded.position for recorded in batch]


def drain(runner: Runner) -> None:
    while runner.step() is not None:
        pass


def test_reading_tells_all_that_is_known_of_it(mixed: Log) -> None:
    unknown, other_form, nonsense = mixed.read(1, 3)
    assert isinstance(unknown.event, Unreadable)
    assert (unknown.event.topic, unknown.event.type_name) == (TELEPORTED, "Incident.Teleported")
    assert unknown.event.state == '{"cluster_id":"oslo","to":"orbit"}'
    assert (unknown.position, unknown.version, unknown.cause.actor) == (2, 1, "system:newer")
    assert (unknown.cause.correlation_id, unknown.occurred_at) == (UUID(int=7), datetime(2026, 11, 23, 12, tzinfo=UTC))
    assert isinstance(other_form.event, Unreadable)
    assert "epoch" in other_form.event.reason
    assert isinstance(nonsense.event, Unreadable)
    assert "nonsense" in nonsense.event.state
    assert mixed.clusters_of([unknown, other_form, nonsense]) == ["oslo", "oslo", ""]
    assert [each.position for each in mixed.read(0, 10, GAPS)] == [1, 3, 4, 5]
    assert [each.position for each in mixed.read_page(0, 10, clusters=["berlin"])] == [1, 4, 6]


def test_it_is_told_once_a_topic_and_counted_each_time(mixed: Log, caplog: pytest.LogCaptureFixture) -> None:
    before = REGISTRY.get_sample_value("aetherius_log_unreadable_events_total", {"topic": TELEPORTED}) or 0
    for _ in range(3):
        mixed.read(0, 10)
    assert REGISTRY.get_sample_value("aetherius_log_unreadable_events_total", {"topic": TELEPORTED}) == before + 3
    assert sum(TELEPORTED in record.message for record in caplog.records) <= 1


def test_an_aggregate_with_one_is_refused(log: Log) -> None:
    cluster = append_of_unknown_topic(log)
    with pytest.raises(UnreadableEventError, match=r"cannot read Incident\.Teleported\.v9"):
        log.load(Cluster, cluster)


def test_the_trail_shows_it(mixed: Log, dsn: str) -> None:
    trail = Trail(dsn)
    try:
        page = trail.page(Wanted(), before=None, as_of=None, limit=10)
        of_newer = trail.page(Wanted(actor="system:newer"), before=None, as_of=None, limit=10)
    finally:
        trail.close()
    assert [entry.recorded.position for entry in page.entries] == [6, 5, 4, 3, 2, 1]
    assert [entry.recorded.position for entry in of_newer.entries] == [3, 2]


def test_what_occurs_where_is_taken_down_over_it(mixed: Log) -> None:
    assert ContentsIndex(mixed, step=1).step() == 6
    assert [each.position for each in mixed.read_page(0, 10, clusters=["oslo"])] == [2, 3, 4, 5]


def test_a_reader_never_sees_one_that_it_did_not_ask_for_and_parks_at_one_that_it_did(
    mixed: Log, dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    positions = Positions(GAPS)
    runner = Runner(mixed, Projecting(positions), LogSignal(dsn))
    drain(runner)
    assert (positions.given, mixed.checkpoint("positions")) == ([1], 2)
    assert (runner.state.status, runner.state.poison_position) == (ReaderStatus.PARKED, 3)
    assert "PARKED at position 3 (Agent.GapDetected.v1): UnreadableEventError" in caplog.text


def test_a_reader_of_everything_is_given_it(mixed: Log, dsn: str) -> None:
    positions = Positions(())
    drain(Runner(mixed, Projecting(positions), LogSignal(dsn)))
    assert positions.given == [1, 2, 3, 4, 5, 6]


def test_a_process_manager_parks_before_it_decides_on_a_stream_that_it_cannot_read(log: Log, dsn: str) -> None:
    class Labels:
        name, topics = "labels", GAPS

        def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
            for recorded in batch:
                unit.get(Cluster, cluster).configure("1.37", {}, recorded.occurred_at)

    cluster = append_of_unknown_topic(log)
    log.append([a_gap("oslo")])
    runner = Runner(log, Deciding(Labels()), LogSignal(dsn))
    drain(runner)
    assert (runner.state.status, runner.state.poison_position) == (ReaderStatus.PARKED, 2)
    assert TELEPORTED in runner.state.error


@pytest.mark.anyio
async def test_fan_out_hands_it_on_and_lives(mixed: Log, dsn: str) -> None:
    async with asyncio.timeout(60), LogSignal(dsn) as signal:
        fan_out = FanOut(mixed, signal)
        running = asyncio.create_task(fan_out.run())
        try:
            async with asyncio.TaskGroup() as tasks:
                everything = tasks.create_task(follow(fan_out, 9))
                decided = tasks.create_task(follow(fan_out, 9, topics=[*GAPS]))
                of_cluster = tasks.create_task(follow(fan_out, 9, clusters=["oslo"]))
                await asyncio.sleep(0.3)  # some of it live, some of it not: both ways lead over one
                await asyncio.to_thread(append_of_unknown_topic, mixed)
                await asyncio.to_thread(append_in_another_form, mixed)
                await asyncio.to_thread(mixed.append, [a_gap("oslo")])
            assert not running.done()
        finally:
            running.cancel()
            await asyncio.wait({running})
    assert everything.result() == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert decided.result() == [1, 3, 4, 5, 8, 9]
    assert of_cluster.result() == [2, 3, 4, 5, 7, 8, 9]


async def follow(fan_out: FanOut, upto: int, topics: Sequence[str] = (), clusters: Sequence[str] = ()) -> list[int]:
    seen: list[int] = []
    async with aclosing(fan_out.follow(0, wanted(topics, clusters))) as batches:
        async for batch in batches:
            seen += [recorded.position for recorded in batch.events]
            if seen[-1] >= upto:
                break
    return seen


@pytest.mark.anyio
async def test_a_follower_passes_over_it_and_says_so(mixed: Log, dsn: str, caplog: pytest.LogCaptureFixture) -> None:
    async with LogSignal(dsn) as signal:
        page = await Follower(OpenLog(mixed, signal, 2), "followed", GAPS).page()
    assert page is not None
    assert ([each.position for each in page], page.next_position) == ([1, 5], 6)
    assert "followed passes over position 3" in caplog.text


@pytest.mark.anyio
async def test_a_delivery_of_one_is_parked_and_the_others_are_made(mixed: Log, dsn: str) -> None:
    delivered: list[int] = []

    async def effect(delivery: Delivery) -> None:
        delivered.append(delivery.event.position)

    stop = asyncio.Event()
    with Deliveries(dsn) as deliveries:
        async with asyncio.timeout(60), LogSignal(dsn) as signal, asyncio.TaskGroup() as tasks:
            consumer = CompetingConsumer("test", mixed, signal, deliveries, effect, GAPS)
            tasks.create_task(consumer.run(stop))
            while len(deliveries.parked()) < 2 or len(delivered) < 2:  # noqa: ASYNC110  # a table has no event
                await asyncio.sleep(0.02)
            stop.set()
        assert [each.position for each in deliveries.parked()] == [3, 4]
        assert "UnreadableEventError" in deliveries.parked()[0].error
    assert sorted(delivered) == [1, 5]
