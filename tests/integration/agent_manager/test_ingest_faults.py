"""Ingest by real processes, while what it stands on is killed under load: every event is in the log once, by its id, and the ledger is intact."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from aetherius.domain.cluster_event import Reported
from aetherius.runtime.jetstream.streams import EVENTS
from event_feed import an_event
from ingest_site import IngestSite
from manager_site import Site

pytestmark = pytest.mark.anyio

_DISK = 160
"""Megabytes: an empty database, its write-ahead log, and little more."""


@pytest.fixture
def root(open_folder: Path) -> Path:
    return open_folder / f"faults-{uuid4().hex[:6]}"


async def test_one_of_two_replicas_is_killed_again_and_again(root: Path) -> None:
    async with IngestSite.running(root, replicas=2) as site:
        async with site.load() as load:
            for name in ("replica-1", "replica-2", "replica-1"):
                await site.until_stored(await site.stored() + 1000)
                await site.kill(name)
            await site.until_stored(await site.stored() + 1000)
        await site.must_hold_once(load.ids)


async def test_postgresql_is_away_for_a_while(root: Path) -> None:
    async with IngestSite.running(root, back_after=3.0) as site:
        async with site.load() as load:
            await site.until_stored(1000)
            await site.kill("postgres")
            while await site.waiting() < 50:  # noqa: ASYNC110  # the stream keeps them
                await asyncio.sleep(0.05)
            assert await site.stored() < 0
            await site.until_stored(1500)
        await site.must_hold_once(load.ids)


async def test_nats_is_killed_and_senders_repeat(root: Path) -> None:
    async with IngestSite.running(root) as site:
        async with site.load() as load:
            for _ in range(3):
                await site.until_stored(await site.stored() + 1000)
                await site.kill("nats")
            await site.until_stored(await site.stored() + 1000)
        await site.must_hold_once(load.ids)


async def test_everything_is_killed_at_once(root: Path) -> None:
    async with IngestSite.running(root, replicas=2) as site:
        async with site.load() as load:
            await site.until_stored(1000)
            for name in ("nats", "replica-1", "postgres", "replica-2"):
                await site.kill(name)
            await site.until_stored(2000)
        await site.must_hold_once(load.ids)


@pytest.fixture
def small_disk(open_folder: Path) -> Iterator[Path]:
    """A file system that a few thousand events can fill."""
    folder = open_folder / f"disk-{uuid4().hex[:6]}"
    folder.mkdir(mode=0o711)
    folder.chmod(0o711)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}m,mode=711", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        pytest.skip(f"THE FULL DISK IS NOT TESTED: a tmpfs cannot be mounted here (needs root): {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=120)


async def test_the_disk_of_postgresql_is_full_until_there_is_room(root: Path, small_disk: Path) -> None:
    filler = small_disk / "filler"
    async with IngestSite.running(root, postgres=small_disk / "postgres") as site:
        async with site.load() as load:
            await site.until_stored(1000)
            _fill(filler, leave=4)
            async with asyncio.timeout(120):
                while await site.waiting() < 50 or "No space left on device" not in site.said("replica-1"):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)  # nothing is acknowledged, and it says why
            filler.unlink()
            await site.until_stored(len(load.ids))
        await site.must_hold_once(load.ids)


def _fill(filler: Path, leave: int) -> None:
    """Take all but `leave` megabytes of a file system."""
    disk = os.statvfs(filler.parent)
    left = disk.f_bavail * disk.f_frsize - leave * 2**20
    with filler.open("wb") as file:
        for _ in range(max(0, left) // 2**20):
            file.write(bytes(2**20))


async def test_clocks_an_hour_apart(site: Site) -> None:
    """The one that is ahead is not believed, and told; the one behind is only late."""
    now = datetime.now(UTC)
    ahead = [an_event("c1", number, timestamp=now + timedelta(hours=1)) for number in range(1, 21)]
    behind = [an_event("c2", number, timestamp=now - timedelta(hours=1)) for number in range(1, 21)]
    async with site.manager():
        for each in range(0, 20, 5):
            await site.report(*ahead[each : each + 5], cluster="c1")
            await site.report(*behind[each : each + 5], cluster="c2")
        letters = await site.dead_letters(20)
        await site.empty(EVENTS)
    assert {letter.subject for letter in letters} == {"aetherius.dead-letter.aetherius.agent.c1.event"}
    assert all("timestamp" in letter.reason and " is not from " in letter.reason for letter in letters)
    assert {str(each.stream_id) for each in site.recorded(Reported)} == {event.id for event in behind}


async def test_a_week_old_spool_is_drained_among_fresh_events(site: Site) -> None:
    now, packs = datetime.now(UTC), 40
    spooled = [
        [
            an_event("c1", number, timestamp=now - timedelta(days=7) + timedelta(minutes=number))
            for number in _numbers(pack)
        ]
        for pack in range(packs)
    ]
    fresh = [[an_event("c2", number) for number in _numbers(pack)] for pack in range(packs)]
    async with site.manager():
        for old, new in zip(spooled, fresh, strict=True):
            await site.report(*old, cluster="c1")
            await site.report(*new, cluster="c2")
        await site.empty(EVENTS)
    recorded = [each.event for each in site.recorded(Reported)]
    for cluster, sent in (("c1", spooled), ("c2", fresh)):
        arrived = [each.sequence for each in recorded if isinstance(each, Reported) and each.cluster_id == cluster]
        assert arrived == [event.sequence for pack in sent for event in pack]
    assert (await site.js.stream_info("DEAD_LETTERS")).state.messages == 0


def _numbers(pack: int) -> range:
    return range(25 * pack + 1, 25 * pack + 26)
