"""A follower that is told its position while nothing comes is never told one past what waits for it."""

from __future__ import annotations

import asyncio
import time

import pytest

from aetherius.event_store.memory import MemoryLog
from aetherius.event_store.subscription import LogSignal
from aetherius.readers.fan_out import Batch, FanOut, _Follower
from event_builders import a_gap

IDLE = 0.01


def pass_time() -> None:
    """The loop does not turn meanwhile: what is due then comes at once."""
    time.sleep(2 * IDLE)


@pytest.mark.anyio
async def test_what_is_offered_in_the_moment_in_which_it_would_be_told_is_given() -> None:
    log = MemoryLog()
    log.append([a_gap("c1")])
    fan_out, follower = FanOut(log, LogSignal("")), _Follower(0)
    offered = Batch(log.read(0, 10), 1, True)

    def offer() -> None:
        fan_out._position = 1
        follower.offer(offered, 0)

    taking = asyncio.create_task(fan_out._taken(follower, IDLE))
    await asyncio.sleep(0)
    pass_time()
    asyncio.get_running_loop().call_soon(offer)
    assert await taking == offered
