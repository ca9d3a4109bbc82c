"""The agents' command queues: each agent of the fleet has one on the stream COMMANDS, and gets it again when it is deleted, or lost with the stream.

An agent may only read its queue, so it cannot make it, and waits. Runs at the leader alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Final

from aetherius.agent_manager.context import Context
from aetherius.agent_manager.fleet.roster import Roster
from aetherius.domain.agent import AgentStatus
from aetherius.runtime.jetstream.streams import COMMANDS, command_consumer, ensure_command_consumer
from aetherius.runtime.steady import steadily

logger = logging.getLogger(__name__)

_LOOK: Final = 3.0
"""Seconds between two looks: what an agent may have to wait longer for its commands."""
_PAGE: Final = 256
"""Consumers that the broker tells of at once."""


class CommandQueues:
    """Sees to it that every agent has one."""

    def __init__(self, context: Context, roster: Roster) -> None:
        self._context = context
        self._roster = roster

    async def run(self) -> None:
        """Look, for ever."""
        await steadily("command queues", self._step)

    async def _step(self) -> None:
        await asyncio.sleep(_LOOK)
        await self._roster.catch_up()
        there = await self._there()
        for cluster_id in self._clusters():
            if command_consumer(cluster_id) not in there:
                logger.warning("the command queue of cluster %s is gone, making it anew", cluster_id)
                await ensure_command_consumer(self._context.js, cluster_id, self._context.settings.command_ack_wait)

    def _clusters(self) -> Iterator[str]:
        return (agent.cluster_id for agent in self._roster.collectors() if agent.status is not AgentStatus.DEREGISTERED)

    async def _there(self) -> set[str]:
        """The names of the consumers that the stream has. Raises nats.errors.Error."""
        names: set[str] = set()
        while True:
            page = await self._context.js.consumers_info(COMMANDS, offset=len(names))
            names |= {each.name for each in page}
            if len(page) < _PAGE:
                return names
