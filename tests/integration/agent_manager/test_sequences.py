"""Missing event numbers, on real servers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from aetherius.agent_manager.relays.observations import CHECKPOINT
from aetherius.domain.agent import GapDetected
from manager_site import Site, events_of

pytestmark = pytest.mark.anyio


def gaps(site: Site) -> list[tuple[int, int, int]]:
    return [(each.epoch, each.first, each.last) for each in site.events(GapDetected)]


async def test_numbers_that_stay_away_are_told_as_a_range(site: Site) -> None:
    async with site.manager(gap_grace=0.5):
        await site.register()
        await site.report(*events_of([1, 2, 6, 7]))
        await site.until(lambda: gaps(site))
        await site.report(*events_of([10]))
        await site.until(lambda: len(gaps(site)) == 2)
    assert gaps(site) == [(1, 3, 5), (1, 8, 9)]


async def test_numbers_that_come_late_are_no_gap(site: Site) -> None:
    async with site.manager(gap_grace=1.5):
        await site.register()
        await site.report(*events_of([1, 5]))
        await site.report(*events_of([4, 2]))
        await site.report(*events_of([3]))
        await site.report(*events_of([7]))
        await site.until(lambda: gaps(site))
    assert gaps(site) == [(1, 6, 6)]


async def test_a_restart_goes_on_where_it_was(site: Site) -> None:
    async with site.manager(gap_grace=60):
        await site.register()
        await site.report(*events_of([1, 2, 5]))
        await site.until(lambda: site.log.checkpoint(CHECKPOINT) >= 5)
    async with site.manager(gap_grace=0.1):
        await site.report(*events_of([6, 7]))
        await site.until(lambda: gaps(site))
    async with site.manager(gap_grace=0.1), site.manager(gap_grace=0.1):
        await site.report(*events_of([8]))
        await site.until(lambda: site.log.checkpoint(CHECKPOINT) >= site.log.head())
        await asyncio.sleep(0.5)
    assert gaps(site) == [(1, 3, 4)]


async def test_a_new_epoch_counts_from_one(site: Site) -> None:
    async with site.manager(gap_grace=0.1):
        await site.register(epoch=1)
        await site.report(*events_of([1, 2]))
        await site.until(lambda: site.log.checkpoint(CHECKPOINT) >= 4)
        await site.register(epoch=2)
        now = datetime.now(UTC)  # other ids
        await site.report(*events_of([2], epoch=2, timestamp=now), *events_of([3], timestamp=now))
        await site.until(lambda: gaps(site))
    assert gaps(site) == [(2, 1, 1)]
