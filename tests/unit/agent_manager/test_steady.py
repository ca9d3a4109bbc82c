"""A task that goes on for ever, and still ends when it is told to."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from aetherius.runtime.errors import BrokerUnavailableError
from aetherius.runtime.steady import steadily

pytestmark = pytest.mark.anyio


async def test_a_cancellation_that_a_step_loses_still_ends_it() -> None:
    inside = asyncio.Event()

    async def step() -> None:
        inside.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)

    task = asyncio.create_task(steadily("a test", step))
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 1)


async def test_it_goes_on_after_a_refusal_and_ends_with_a_mistake() -> None:
    steps = 0

    async def step() -> None:
        nonlocal steps
        steps += 1
        raise BrokerUnavailableError("away") if steps == 1 else KeyError("a mistake")

    with pytest.raises(KeyError):
        await asyncio.wait_for(steadily("a test", step), 5)
    assert steps == 2
