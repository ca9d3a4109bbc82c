"""Commands that are never answered, on real servers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aetherius.agent_manager.orders.expiry import REASON, given_up_at
from aetherius.domain.command import CommandStatus, Lost
from manager_site import Site

pytestmark = pytest.mark.anyio


async def test_a_command_without_an_answer_is_lost_after_its_time(site: Site) -> None:
    async with site.manager(result_grace=0.3):
        command = site.issue(lives=0.5, timeout="200ms")
        await site.until(lambda: site.status(command) is CommandStatus.LOST)
    (lost,) = site.recorded(Lost)
    assert site.events(Lost)[0].reason == REASON
    assert lost.occurred_at >= given_up_at(site.order(command), 0.3)
    assert lost.cause.correlation_id == site.log.stream(command)[0].cause.correlation_id


async def test_an_answered_command_is_not_lost(site: Site) -> None:
    async with site.manager(result_grace=0.2):
        answered = site.issue(lives=0.5, timeout="200ms")
        await site.answer(answered)
        lost = site.issue(lives=0.6, timeout="200ms")
        await site.until(lambda: site.status(lost) is CommandStatus.LOST)
    assert site.status(answered) is CommandStatus.SUCCEEDED
    assert len(site.recorded(Lost)) == 1


async def test_commands_that_expired_while_no_manager_ran_are_lost_at_its_start(site: Site) -> None:
    commands = [site.issue(lives=-5, timeout="1s") for _ in range(3)]
    async with site.manager(result_grace=0.1), site.manager(result_grace=0.1):
        await site.until(lambda: len(site.recorded(Lost)) == 3)
    assert {site.status(command) for command in commands} == {CommandStatus.LOST}
    assert len(site.recorded(Lost)) == 3


async def test_a_result_after_the_end_is_kept_as_a_dead_letter(site: Site) -> None:
    async with site.manager(result_grace=0.1):
        command = site.issue(lives=0.1, timeout="100ms")
        await site.until(lambda: site.status(command) is CommandStatus.LOST)
        await site.answer(command)
        (letter,) = await site.dead_letters(1)
    assert "given up" in letter.reason


async def test_a_command_may_run_its_whole_time_from_just_before_it_expires(site: Site) -> None:
    issued = site.order(site.issue(lives=60, timeout="600s"))
    assert given_up_at(issued, 15.0) == issued.expires_at + timedelta(seconds=615)
    assert given_up_at(issued, 15.0) > datetime.now(UTC) + timedelta(seconds=600)
