"""The two sides of one table: what a process tells of its readers is shown outside, and what is ordered outside reaches the process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from psycopg.conninfo import make_conninfo

from aetherius.cli.tables import create_tables
from aetherius.event_store.log import Log
from aetherius.readers import control as control_module
from aetherius.readers import reader_standing
from aetherius.readers.control import Order, ReaderControl
from aetherius.readers.errors import ReadersUnavailableError, UnknownReaderError
from aetherius.readers.state import ReaderState, ReaderStatus
from event_builders import a_gap


class Told:
    """A reader's state, as it stands."""

    def __init__(self) -> None:
        self.state = ReaderState(name="tally")

    def __call__(self) -> ReaderState:
        return self.state


@pytest.fixture
def log(dsn: str) -> Iterator[Log]:
    create_tables(dsn)
    with Log(dsn) as log:
        log.append([a_gap("c1") for _ in range(3)])
        yield log


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def control(log: Log, dsn: str, told: Told) -> Iterator[ReaderControl]:
    control = ReaderControl(dsn, interval=0.02)
    control.register("tally", told)
    yield control
    end(control)


def end(control: ReaderControl) -> None:
    """As its process ends: it tells once more, and lets its connection go."""
    stop = asyncio.Event()
    stop.set()
    asyncio.run(control.run(stop))


def shown(dsn: str, name: str = "tally") -> reader_standing.ReaderStanding:
    (found,) = [each for each in reader_standing.standing(dsn) if each.name == name]
    return found


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110  # a table has no event to wait for
            await asyncio.sleep(0.01)


def test_what_is_told_is_shown(control: ReaderControl, dsn: str, log: Log, told: Told) -> None:
    log.transact("tally", 1)
    told.state = ReaderState(name="tally", status=ReaderStatus.RUNNING, position=1)
    assert control.exchange() == {"tally": Order()}
    found = shown(dsn)
    assert (found.status, found.position, found.lag, found.paused, found.error) == ("running", 1, 2, False, "")
    assert found.lag_seconds >= 0
    assert found.since is not None
    assert found.seen_at is not None


def test_a_reader_that_is_parked_says_at_what_and_why(control: ReaderControl, dsn: str, told: Told) -> None:
    told.state = ReaderState(
        name="tally",
        status=ReaderStatus.PARKED,
        position=1,
        error="too odd",
        poison_position=2,
        poison_topic="Agent.GapDetected.v1",
    )
    control.exchange()
    found = shown(dsn)
    assert (found.status, found.error, found.poison_position, found.poison_topic) == (
        "parked",
        "too odd",
        2,
        "Agent.GapDetected.v1",
    )


def test_only_news_is_told_and_after_a_while_that_there_is_none(
    control: ReaderControl, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    control.exchange()
    first = shown(dsn).seen_at
    control.exchange()
    assert shown(dsn).seen_at == first
    monkeypatch.setattr(control_module, "_HEARTBEAT", 0.0)
    control.exchange()
    later = shown(dsn).seen_at
    assert first is not None
    assert later is not None
    assert later > first


def test_orders_are_heard_and_kept(control: ReaderControl, dsn: str, told: Told) -> None:
    control.exchange()
    reader_standing.pause(dsn, "tally")
    reader_standing.pause(dsn, "tally")
    assert control.exchange() == {"tally": Order(paused=True)}
    told.state = ReaderState(name="tally", status=ReaderStatus.PAUSED)
    later = ReaderControl(dsn)
    assert later.exchange() == {"tally": Order(paused=True)}, "of a process that starts later"
    end(later)
    assert shown(dsn).paused
    reader_standing.resume(dsn, "tally")
    assert control.exchange() == {"tally": Order(resumes=1)}
    reader_standing.resume(dsn, "tally")
    assert control.exchange() == {"tally": Order(resumes=2)}


def test_a_reader_that_nobody_drives_is_unknown_or_paused(log: Log, dsn: str) -> None:
    log.transact("lonely", 3)
    assert (shown(dsn, "lonely").status, shown(dsn, "lonely").lag) == ("unknown", 0)
    reader_standing.pause(dsn, "lonely")
    assert shown(dsn, "lonely").status == "paused"


def test_a_checkpoint_past_the_logs_end_is_ahead(log: Log, dsn: str) -> None:
    log.transact("restored", 9)
    found = shown(dsn, "restored")
    assert (found.status, found.lag, found.lag_seconds) == ("ahead", 0, 0.0)


@pytest.mark.parametrize("order", [reader_standing.pause, reader_standing.resume])
def test_an_order_to_nobody_is_refused_with_those_there_are(
    control: ReaderControl, dsn: str, order: Callable[[str, str], None]
) -> None:
    control.exchange()
    with pytest.raises(UnknownReaderError, match="no reader 'nobody': there are tally"):
        order(dsn, "nobody")


def test_without_a_log_or_a_server_nothing_is_known(dsn: str) -> None:
    with pytest.raises(ReadersUnavailableError, match="no log in this database"):
        reader_standing.standing(dsn)
    with pytest.raises(ReadersUnavailableError, match="not known"):
        reader_standing.standing(make_conninfo(dsn, port="1"))


@pytest.mark.anyio
async def test_a_process_waits_for_orders_and_tells_once_more_at_its_end(
    control: ReaderControl, dsn: str, told: Told
) -> None:
    stop = asyncio.Event()
    assert not control.is_known
    async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
        tasks.create_task(control.run(stop))
        await until(lambda: control.is_known)
        changed = asyncio.create_task(control.changed())
        await asyncio.to_thread(reader_standing.pause, dsn, "tally")
        await changed
        assert control.order("tally") == Order(paused=True)
        assert control.order("another") == Order()
        told.state = ReaderState(name="tally", status=ReaderStatus.PAUSED, position=2)
        stop.set()
    assert (shown(dsn).status, shown(dsn).position) == ("paused", 2)


@pytest.mark.anyio
async def test_a_database_that_is_away_delays_orders_and_nothing_else(
    dsn: str, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    control, stop = ReaderControl(make_conninfo(dsn, port="1"), interval=0.01), asyncio.Event()
    running = asyncio.create_task(control.run(stop))
    await until(lambda: "orders to readers are away" in caplog.text)
    assert not control.is_known
    stop.set()
    async with asyncio.timeout(120):
        await running
