"""Side effects of any log, by one replica: those of a key in order; what cannot be done is parked, listed, tried again or dropped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import StoredEvent

from aetherius.domain.agent import GapDetected
from aetherius.domain.errors import DomainError
from aetherius.domain.event import topics_of
from aetherius.event_store.pending import Pending
from aetherius.readers import competing_consumer
from aetherius.readers.competing_consumer import CompetingConsumer, Delivery, Retry
from aetherius.readers.deliveries import Parked
from aetherius.readers.errors import DestinationAwayError, NotParkedError
from delivery_site import DeliverySite
from event_builders import CAUSE, NOON, a_choice, a_gap, report

pytestmark = pytest.mark.anyio

TOPICS = topics_of([GapDetected])
QUICK = Retry(first=0.02, longest=0.1, attempts=3)


def gaps(stream: UUID, numbers: range) -> list[Pending]:
    """Events of one stream; `first` is its number."""
    return [
        Pending(stream, number, GapDetected(cluster_id="c", epoch=1, first=number, last=number), NOON, CAUSE)
        for number in numbers
    ]


@asynccontextmanager
async def consuming(
    site: DeliverySite, effect: Callable[[Delivery], Awaitable[None]], retry: Retry = QUICK, lease: float = 2.0
) -> AsyncIterator[None]:
    """One replica at work; stopped at the end."""
    stop = asyncio.Event()
    async with asyncio.timeout(120), site.signal() as signal, asyncio.TaskGroup() as tasks:
        consumer = CompetingConsumer(
            "test", site.log, signal, site.deliveries, effect, TOPICS, retry=retry, lease=lease
        )
        tasks.create_task(consumer.run(stop))
        yield
        stop.set()


async def until(holds: Callable[[], object]) -> None:
    while not await asyncio.to_thread(holds):  # noqa: ASYNC110  # a table has no event to wait for
        await asyncio.sleep(0.01)


def left(site: DeliverySite) -> int:
    return sum(each.waiting for each in site.deliveries.backlogs())


async def test_a_parked_event_holds_its_key_alone_until_it_is_tried_again(site: DeliverySite) -> None:
    log, deliveries = site.log, site.deliveries
    sick, well = uuid4(), uuid4()
    done: list[tuple[UUID, int]] = []
    healed = False

    async def effect(delivery: Delivery) -> None:
        if delivery.event.stream_id == sick and delivery.event.version == 2 and not healed:
            raise RuntimeError("x" * 5000)
        done.append((delivery.event.stream_id, delivery.event.version))

    log.append([*gaps(sick, range(1, 5)), *gaps(well, range(1, 5))])
    async with consuming(site, effect):
        await until(deliveries.parked)
        await until(lambda: len(done) == 5)
        (parked,) = deliveries.parked()
        assert (parked.subscription, parked.key, parked.position, parked.behind) == ("test", str(sick), 2, 2)
        assert len(parked.error) == 1000
        healed = True
        with pytest.raises(NotParkedError):
            deliveries.retry("test", 3)
        deliveries.retry("test", 2)
        await until(lambda: len(done) == 8)
        await until(lambda: left(site) == 0)
    assert [version for stream, version in done if stream == sick] == [1, 2, 3, 4]
    assert [version for stream, version in done if stream == well] == [1, 2, 3, 4]
    assert deliveries.parked() == []


async def test_what_can_never_be_done_is_parked_at_once(site: DeliverySite) -> None:
    log, deliveries = site.log, site.deliveries

    async def effect(delivery: Delivery) -> None:
        raise DomainError("too large")

    log.append(gaps(uuid4(), range(1, 2)))
    async with consuming(site, effect):
        await until(deliveries.parked)
    (parked,) = deliveries.parked()
    assert isinstance(parked, Parked)
    assert (parked.attempts, parked.error) == (1, "DomainError: too large")


async def test_while_the_destination_is_away_everything_waits_and_no_attempt_counts(site: DeliverySite) -> None:
    log = site.log
    asked = 0
    done: list[int] = []

    async def effect(delivery: Delivery) -> None:
        nonlocal asked
        asked += 1
        if asked <= 20:
            raise DestinationAwayError("nobody there")
        assert delivery.attempt == 1
        done.append(delivery.event.version)

    log.append(gaps(uuid4(), range(1, 6)))
    async with consuming(site, effect):
        await until(lambda: len(done) == 5)
    assert done == [1, 2, 3, 4, 5]


async def test_a_stop_lets_go_of_what_is_under_way(site: DeliverySite) -> None:
    log, deliveries = site.log, site.deliveries
    begun = asyncio.Event()

    async def never(delivery: Delivery) -> None:
        begun.set()
        await asyncio.Event().wait()

    log.append(gaps(uuid4(), range(1, 2)))
    stop = asyncio.Event()
    async with asyncio.timeout(120), site.signal() as signal:
        consumer = CompetingConsumer("test", log, signal, deliveries, never, TOPICS, lease=600.0)
        running = asyncio.create_task(consumer.run(stop, drain=0.1))
        await begun.wait()
        stop.set()
        await running
    (claim,) = deliveries.claim("test", keys=1, events=1, lease=1.0)
    assert (claim.attempt, claim.positions) == (1, [1])


async def test_a_lost_claim_changes_nothing(site: DeliverySite) -> None:
    log, deliveries = site.log, site.deliveries
    log.append([report("berlin")])
    log.transact("test", 1, rows=lambda rows: deliveries.put(rows, "test", [("k", 1), ("k", 2)]))
    (late,) = deliveries.claim("test", keys=1, events=5, lease=0.0)
    (taken,) = deliveries.claim("test", keys=5, events=5, lease=60.0)
    assert (late.attempt, taken.attempt) == (1, 2)
    assert deliveries.claim("test", keys=5, events=5, lease=60.0) == []
    assert not deliveries.delivered("test", late, 2)
    assert deliveries.delivered("test", taken, 1)
    (rest,) = deliveries.claim("test", keys=5, events=5, lease=60.0)
    assert (rest.attempt, rest.positions) == (1, [2])
    assert deliveries.delivered("test", rest, 2)
    assert deliveries.next_due("test") is None


async def test_an_effect_that_fails_is_tried_again_and_then_parked_and_goes_on_when_it_is_dropped(
    site: DeliverySite,
) -> None:
    stream = uuid4()
    done: list[int] = []
    attempts: list[int] = []

    async def effect(delivery: Delivery) -> None:
        if delivery.event.version == 1:
            attempts.append(delivery.attempt)
            raise OSError("not at all")
        done.append(delivery.event.version)

    site.log.append(gaps(stream, range(1, 4)))
    async with consuming(site, effect):
        await until(site.deliveries.parked)
        (backlog,) = site.deliveries.backlogs()
        assert (backlog.position, backlog.waiting, backlog.parked, backlog.oldest) == (3, 3, 1, 1)
        with pytest.raises(NotParkedError):
            site.deliveries.drop("test", 2, "mistaken")
        site.deliveries.drop("test", 1, "enough")
        await until(lambda: done == [2, 3])
    assert attempts == [1, 2, 3]
    (dropped,) = site.deliveries.dropped("test")
    assert (dropped.key, dropped.position, dropped.error) == (str(stream), 1, "OSError: not at all")
    assert site.deliveries.dropped("another") == []
    assert site.deliveries.parked() == []


async def test_a_lease_is_extended_while_an_effect_takes_longer(site: DeliverySite) -> None:
    begun: list[int] = []
    go_on = asyncio.Event()

    async def slow(delivery: Delivery) -> None:
        begun.append(delivery.attempt)
        await go_on.wait()

    site.log.append([a_gap("c1")])
    async with consuming(site, slow, lease=0.6):
        await until(lambda: begun)
        await asyncio.sleep(1.5)
        assert site.deliveries.claim("test", keys=5, events=5, lease=60.0) == []
        go_on.set()
        await until(lambda: left(site) == 0)
    assert begun == [1]


async def test_what_this_version_cannot_read_is_parked_and_the_others_are_done(site: DeliverySite) -> None:
    done: list[int] = []

    async def effect(delivery: Delivery) -> None:
        done.append(delivery.event.position)

    site.log.append([a_gap("c1")])
    site.log.ingest([StoredEvent(uuid4(), 1, GapDetected.topic, b"nonsense")])
    site.log.append([a_gap("c1")])
    async with consuming(site, effect):
        await until(lambda: site.deliveries.parked() and len(done) == 2)
    assert sorted(done) == [1, 3]
    assert [(each.position, each.attempts) for each in site.deliveries.parked()] == [(2, 1)]


async def test_a_checkpoint_follows_a_log_without_wanted_events(
    site: DeliverySite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(competing_consumer, "_IDLE_GAP", 3)

    async def never(delivery: Delivery) -> None:
        raise AssertionError("nothing is wanted")

    site.log.append([a_choice() for _ in range(4)])
    async with consuming(site, never):
        await until(lambda: site.log.checkpoint("test") == 4)


async def test_a_replica_goes_on_where_another_one_has_put_what_waits(site: DeliverySite) -> None:
    done: list[int] = []

    async def effect(delivery: Delivery) -> None:
        done.append(delivery.event.position)

    site.log.append([a_gap("c1") for _ in range(3)])
    async with consuming(site, effect), consuming(site, effect):
        await until(lambda: len(done) == 3)
        site.log.append([a_gap("c1") for _ in range(3)])
        await until(lambda: len(done) == 6)
        await until(lambda: left(site) == 0)
    assert sorted(done) == [1, 2, 3, 4, 5, 6]
