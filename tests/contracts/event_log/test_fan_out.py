"""One reader of any log for many followers: each gets what it wants, all of it and once; a slow one is told, and reads by itself until it has caught up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from aetherius.event_store.errors import AnotherTimelineError, LogUnavailableError, PositionAheadError
from aetherius.event_store.memory import MemoryLog
from aetherius.event_store.ports import EventLog
from aetherius.event_store.reading.filtered import Wanted, wanted
from aetherius.event_store.subscription import LogSignal
from aetherius.readers import fan_out as fan_out_module
from aetherius.readers.errors import FanOutClosedError
from aetherius.readers.fan_out import Batch, FanOut
from event_builders import a_choice, a_command, a_gap, report
from event_log_sites import LogSite

pytestmark = pytest.mark.anyio

FILTERS = [
    wanted(),
    wanted(clusters=["rare"]),
    wanted(clusters=["oslo", "rare"]),
    wanted(["Command.Dispatched.v1"]),
    wanted(["Command.Dispatched.v1", "ClusterEvent.Reported.v1"], ["berlin"]),
]


@asynccontextmanager
async def followed(site: LogSite) -> AsyncIterator[FanOut]:
    """A fan-out at work."""
    async with site.signal() as signal_:
        fan_out = FanOut(site.log, signal_)
        running = asyncio.create_task(fan_out.run())
        yield fan_out
        running.cancel()
        await asyncio.wait({running})


async def seen_up_to(batches: AsyncGenerator[Batch, None], last: int) -> list[int]:
    """Positions, until everything up to a position was looked at."""
    seen: list[int] = []
    async with aclosing(batches):
        async for batch in batches:
            seen += [recorded.position for recorded in batch.events]
            if batch.position >= last:
                return seen
    raise AssertionError("it ended")


def some(turn: int) -> list[object]:
    cluster = ["berlin", "oslo", "rare"][turn % 3]
    return [*a_command(cluster), report(cluster), a_gap("oslo"), *([a_choice()] if turn % 4 == 0 else [])]


def expected(log: EventLog, filter: Wanted) -> list[int]:
    everything = log.read(0, 10_000)
    return [
        each.position
        for each, cluster in zip(everything, log.clusters_of(everything), strict=True)
        if (not filter.topics or each.event.topic in filter.topics)
        and (not filter.clusters or cluster in (*filter.clusters, ""))
    ]


async def test_each_follower_gets_exactly_what_it_wants_live_or_not(site: LogSite) -> None:
    log = site.log
    log.append([each for turn in range(6) for each in some(turn)])  # type: ignore[misc]  # pending events
    last = 6 * 4 + 2 + 12 * 4 + 3
    async with asyncio.timeout(120), followed(site) as fan_out, asyncio.TaskGroup() as tasks:
        followers = {
            filter: tasks.create_task(seen_up_to(fan_out.follow(3, filter, idle=0.05), last)) for filter in FILTERS
        }
        for turn in range(12):
            await asyncio.to_thread(log.append, some(turn))  # type: ignore[arg-type]  # pending events
            await asyncio.sleep(0.02)
    assert log.head() == last
    for filter, follower in followers.items():
        assert follower.result() == [position for position in expected(log, filter) if position > 3]


async def test_a_slow_follower_is_told_dropped_and_gets_everything(
    site: LogSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = site.log
    monkeypatch.setattr(fan_out_module, "QUEUE", 20)
    dropped = metric("aetherius_fan_out_dropped_total")
    async with asyncio.timeout(120), followed(site) as fan_out:
        slow, quick = fan_out.follow(0), fan_out.follow(0)
        first = await until_live(slow, log)
        await until_live(quick, log)
        await write_to(quick, log, first + 60)
        assert metric("aetherius_fan_out_dropped_total") == dropped + 1
        caught_up = await anext(slow)
        assert not caught_up.live
        assert [each.position for each in caught_up.events] == list(range(first + 1, log.head() + 1))
        last = await until_live(slow, log)
        assert last == log.head()
        await slow.aclose()
        await quick.aclose()


async def until_live(follower: AsyncGenerator[Batch, None], log: EventLog) -> int:
    """Append one by one until the follower has caught up; the last position that it saw."""
    while True:
        asked = asyncio.create_task(anext(follower))
        await asyncio.to_thread(log.append, [report("rare")])
        if (batch := await asked).live:
            return batch.position


async def write_to(quick: AsyncGenerator[Batch, None], log: EventLog, position: int) -> None:
    """Append one by one up to a position, each seen by a quick follower, who is live."""
    while log.head() < position:
        await asyncio.to_thread(log.append, [report("oslo")])
        while (batch := await anext(quick)).position < log.head():
            assert batch.live


async def test_a_follower_that_takes_nothing_holds_nothing(site: LogSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """One event waits for it, and the log goes on by more than the window."""
    log = site.log
    monkeypatch.setattr(fan_out_module, "WINDOW", 100)
    async with asyncio.timeout(120), followed(site) as fan_out:
        stalled, quick = fan_out.follow(0, wanted(clusters=["rare"])), fan_out.follow(0)
        await until_live(stalled, log)
        await until_live(quick, log)
        waiting, before = log.head(), metric("aetherius_fan_out_dropped_total")
        await write_to(quick, log, waiting + 150)
        assert metric("aetherius_fan_out_dropped_total") == before + 1
        assert (await anext(stalled)).events[-1].position == waiting
        await stalled.aclose()
        await quick.aclose()


async def test_a_closed_fan_out_ends_its_followers(site: LogSite) -> None:
    log = site.log
    async with asyncio.timeout(120), followed(site) as fan_out:
        follower = fan_out.follow(0)
        await until_live(follower, log)
        waiting = asyncio.create_task(anext(follower))
        await asyncio.sleep(0)
        fan_out.close()
        with pytest.raises(FanOutClosedError):
            await waiting
        with pytest.raises(FanOutClosedError):
            await anext(fan_out.follow(0))


async def test_who_asks_to_be_told_hears_the_position_while_nothing_comes(site: LogSite) -> None:
    log = site.log
    log.append([report("oslo")])
    async with asyncio.timeout(120), followed(site) as fan_out:
        follower = fan_out.follow(0, wanted(clusters=["rare"]), idle=0.01)
        assert await seen_up_to(follower, 1) == []


async def test_a_place_on_another_timeline_is_refused(site: LogSite) -> None:
    site.log.append([report("oslo")])
    async with asyncio.timeout(120), followed(site) as fan_out:
        with pytest.raises(AnotherTimelineError):
            await anext(fan_out.follow(1, timeline=uuid4()))
        with pytest.raises(PositionAheadError):
            await anext(fan_out.follow(5))


async def test_a_follower_of_a_log_that_is_restored_learns_that_its_place_is_gone() -> None:
    log, signal_ = MemoryLog(), LogSignal("")
    log.append([report("oslo") for _ in range(3)])
    fan_out = FanOut(log, signal_)
    running = asyncio.create_task(fan_out.run())
    async with asyncio.timeout(120):
        follower = fan_out.follow(0)
        assert (await anext(follower)).position == 3
        log.append([report("oslo")])
        live = asyncio.create_task(anext(follower))
        await asyncio.sleep(0.05)
        signal_.wake()
        assert (await live).position == 4
        log.restore(1)
        waiting = asyncio.create_task(anext(follower))
        await asyncio.sleep(0.05)
        log.append([report("oslo") for _ in range(5)])
        signal_.wake()
        with pytest.raises((AnotherTimelineError, PositionAheadError)):
            await waiting
    running.cancel()
    await asyncio.wait({running})


class FlickeringLog(MemoryLog):
    """Does not answer now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def head(self) -> int:
        self.asked += 1
        if self.asked % 3 == 1:
            raise LogUnavailableError("away")
        return super().head()


async def test_followers_do_not_notice_that_the_log_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan_out_module, "_RETRY", 0.01)
    log, signal_ = FlickeringLog(), LogSignal("", poll_interval=0.01)
    log.append([report("oslo")])
    fan_out = FanOut(log, signal_)
    running = asyncio.create_task(fan_out.run())
    async with asyncio.timeout(120):
        following = asyncio.create_task(seen_up_to(fan_out.follow(0), 6))
        for _ in range(5):
            await asyncio.sleep(0.02)
            log.append([report("oslo")])
            signal_.wake()
        while not following.done():
            await asyncio.sleep(0.01)
            signal_.wake()
        assert await following == [1, 2, 3, 4, 5, 6]
    running.cancel()
    await asyncio.wait({running})


def metric(name: str) -> float:
    return REGISTRY.get_sample_value(name) or 0.0
