"""Following any log while others write it: every event once, in order, whatever is left out; by subscriptions, and behind a checkpoint."""

from __future__ import annotations

import asyncio
from typing import cast
from uuid import uuid4

import pytest
from eventsourcing.persistence import StoredEvent

from aetherius.domain.agent import GapDetected
from aetherius.event_store.errors import PositionAheadError, ServerChangedError
from aetherius.event_store.log import Log
from aetherius.event_store.memory import MemoryLog
from aetherius.event_store.pending import Page
from aetherius.event_store.ports import EventLog
from aetherius.event_store.subscription import LogSignal, Subscription
from aetherius.readers.follower import Follower
from aetherius.readers.open_log import OpenLog
from event_builders import a_choice, a_gap, report
from event_log_sites import LogSite

pytestmark = pytest.mark.anyio


async def collect(subscription: Subscription, until: int) -> list[int]:
    """Positions, in the order in which they came, up to position `until`."""
    positions: list[int] = []
    async for page in subscription:
        positions += [recorded.position for recorded in page]
        if positions[-1] >= until:
            break
    return positions


async def test_a_subscription_catches_up_and_then_follows(site: LogSite) -> None:
    log = site.log
    log.append([a_gap("c1"), report("c1"), a_gap("c1")])
    async with asyncio.timeout(120), site.signal() as signal_:
        following = asyncio.create_task(collect(Subscription(log, signal_, after=1, limit=1), until=5))
        while not following.done() and log.head() < 5:
            await asyncio.to_thread(log.append, [report("c1")])
        assert await following == [2, 3, 4, 5]


async def test_a_filtered_subscription_moves_past_what_it_leaves_out(site: LogSite) -> None:
    log = site.log
    log.append([a_gap("c1"), *(report("c1") for _ in range(50)), a_gap("c1")])
    async with asyncio.timeout(120), site.signal() as signal_:
        subscription = Subscription(log, signal_, topics=[GapDetected.topic])
        assert await collect(subscription, until=52) == [1, 52]
        assert subscription.position == 52


async def test_many_readers_of_one_process_all_see_everything(site: LogSite) -> None:
    log = site.log
    async with asyncio.timeout(120), site.signal() as signal_, asyncio.TaskGroup() as tasks:
        readers = [tasks.create_task(collect(Subscription(log, signal_, limit=7), until=40)) for _ in range(25)]
        for _ in range(40):
            await asyncio.to_thread(log.append, [a_gap("c1")])
    assert all(reader.result() == list(range(1, 41)) for reader in readers)


async def test_a_subscription_goes_on_behind_what_was_recorded_by_a_time(site: LogSite) -> None:
    site.log.append([a_gap("c1"), report("c1")])
    by = site.log.recorded_at(2)
    site.log.append([a_gap("c1")])
    async with asyncio.timeout(120), site.signal() as signal_:
        assert await collect(Subscription(site.log, signal_, after=by), until=3) == [3]


def opened(log: EventLog, signal: LogSignal) -> OpenLog:
    """A follower asks of it no more than any log promises."""
    return OpenLog(cast("Log", log), signal, 2)


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aetherius.readers.follower._SKIPPED", 3)


async def pages_of(follower: Follower, turns: int) -> list[Page | None]:
    return [await follower.page() for _ in range(turns)]


async def test_a_follower_takes_page_after_page_from_its_checkpoint_on(site: LogSite) -> None:
    site.log.append([a_gap("c1") for _ in range(5)])
    async with asyncio.timeout(120), site.signal() as signal_:
        follower = Follower(opened(site.log, signal_), "followed", [GapDetected.topic], limit=2)
        for last in (2, 4, 5):
            page = await follower.page()
            assert page is not None
            assert page.next_position == last
            assert await follower.done(page, rows=site.keeping(last))
        assert await follower.page() is None
        again = Follower(opened(site.log, signal_), "followed", [GapDetected.topic])
        site.log.append([a_gap("c1")])
        page = await again.page()
        assert page is not None
        assert [each.position for each in page] == [6]
    assert (site.log.checkpoint("followed"), site.numbers()) == (5, [2, 4, 5])


async def test_of_two_followers_one_does_a_page_and_the_other_goes_on_from_there(site: LogSite) -> None:
    site.log.append([a_gap("c1")])
    async with asyncio.timeout(120), site.signal() as signal_:
        one, other = (Follower(opened(site.log, signal_), "followed", ()) for _ in range(2))
        pages = [await each.page() for each in (one, other)]
        assert pages[0] is not None
        assert pages[1] is not None
        assert await one.done(pages[0], [a_choice()])
        assert not await other.done(pages[1], [a_choice()])
        page = await other.page()
        assert page is not None
        assert [each.position for each in page] == [2]


@pytest.mark.usefixtures("limited")
async def test_a_follower_moves_its_checkpoint_past_what_it_does_not_want(site: LogSite) -> None:
    site.log.append([a_choice() for _ in range(4)])
    async with asyncio.timeout(120), site.signal() as signal_:
        follower = Follower(opened(site.log, signal_), "followed", [GapDetected.topic])
        assert await pages_of(follower, 2) == [None, None]
    assert site.log.checkpoint("followed") == 4


async def test_a_follower_passes_over_what_it_cannot_read_and_says_so(
    site: LogSite, caplog: pytest.LogCaptureFixture
) -> None:
    site.log.append([a_gap("c1")])
    site.log.ingest([StoredEvent(uuid4(), 1, GapDetected.topic, b"nonsense")])
    async with asyncio.timeout(120), site.signal() as signal_:
        page = await Follower(opened(site.log, signal_), "followed", [GapDetected.topic]).page()
    assert page is not None
    assert ([each.position for each in page], page.next_position) == ([1], 2)
    assert "followed passes over position 2" in caplog.text


async def test_what_was_read_ahead_of_another_server_is_not_used() -> None:
    log, signal_ = MemoryLog(), LogSignal("")
    log.append([a_gap("c1"), a_choice()])
    follower = Follower(opened(log, signal_), "followed", [GapDetected.topic])
    page = await follower.page()
    assert page is not None
    assert await follower.done(page)
    log.restore(2)
    with pytest.raises(ServerChangedError):
        await follower.page()
    log.restore(1)
    with pytest.raises(PositionAheadError):
        await follower.page()
