"""The demo's main job: four faults, one after another, each followed from the first event to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from aetherius.cli.demo.faults import Fault
from aetherius.cli.demo.narration import Narration
from aetherius.cli.demo.stage import Stage
from aetherius.cli.demo.story import LogEntry, Story

PATIENCE: Final = 60.0
"""Seconds for one fault, from its injection to the end of its incident."""


class Show:
    """Breaks one thing after another."""

    def __init__(self, stage: Stage, narration: Narration) -> None:
        self._stage, self._narration = stage, narration

    async def run(self, faults: list[Fault]) -> list[Story]:
        """The stories of all faults, also of those that went wrong.

        Raises:
            KubectlError, ApiError: the demo itself could not go on.
        """
        stories = []
        for number, fault in enumerate(faults, 1):
            stories.append(await self._play(number, fault))
        return stories

    async def _play(self, number: int, fault: Fault) -> Story:
        after = await self._stage.api.head()
        story = Story(fault, datetime.now(UTC))
        self._narration.fault(number, story, f"kubectl {' '.join(fault.inject)}")
        await self._stage.kubectl[fault.cluster].run(*fault.inject)
        with suppress(TimeoutError):  # the summary says what is missing
            async with asyncio.timeout(PATIENCE):
                await self._follow(story, self._stage.api.log(after))
        return story

    async def _follow(self, story: Story, log: AsyncIterator[LogEntry]) -> None:
        healed = False
        async for entry in log:
            if not story.concerns(entry):
                continue
            story.take(entry)
            self._narration.entry(story, entry)
            if entry.type == "Remediation.Planned" and story.asked:
                await self._stage.api.approve(story.remediation_id, entry.data["digest"])
            if story.mitigated and story.fault.heal and not healed:
                healed = True
                await self._stage.kubectl[story.fault.cluster].run(*story.fault.heal)
            if story.ended:
                return
