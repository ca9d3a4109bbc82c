"""Plays a case: each line when its time has come, then quiet time. The clock is the case's own, so hours take no time."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from aetherius.cli.case.cluster import CaseAgent
from aetherius.cli.case.lines import CaseLine
from aetherius.cli.case.outcome import Outcome, outcome_of
from aetherius.cli.case.platform import CasePlatform

_FIRST_STEP: Final = 1.0
_LONGEST_STEP: Final = 60.0
"""Seconds between two looks at what time brings: short after news, longer while nothing happens."""
_GROWTH: Final = 1.25


def play(lines: Sequence[CaseLine], quiet: float) -> Outcome:
    """What comes of these lines and `quiet` seconds after the last one."""
    with tempfile.TemporaryDirectory(prefix="aetherius-case-") as folder:
        player = _Player(Path(folder), lines)
        try:
            return asyncio.run(player.play(quiet))
        finally:
            player.agent.close()


class _Player:
    def __init__(self, folder: Path, lines: Sequence[CaseLine]) -> None:
        self._lines, self._now = lines, lines[0].now
        self.agent = CaseAgent(folder, lines, self._clock)
        self._platform = CasePlatform(self._clock, self.agent.obey)
        self._refused: list[str] = []

    def _clock(self) -> datetime:
        return self._now

    async def play(self, quiet: float) -> Outcome:
        for line in self._lines:
            await self._wait_until(line.now)
            self.agent.see(line)
            await self._settle()
        await self._wait_until(self._now + timedelta(seconds=quiet))
        return outcome_of(self._platform.log, self._refused)

    async def _wait_until(self, moment: datetime) -> None:
        step = _FIRST_STEP
        while self._now < moment:
            self._now = min(moment, self._now + timedelta(seconds=step))
            before = self._platform.log.head()
            self.agent.look_around()
            await self._settle()
            step = _FIRST_STEP if self._platform.log.head() > before else min(step * _GROWTH, _LONGEST_STEP)
        self._now = moment  # a clock that was set back stays so

    async def _settle(self) -> None:
        self._refused += [refused.reason for refused in self.agent.publish(self._platform.log)]
        await self._platform.settle()
