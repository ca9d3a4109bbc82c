"""The roster: which agent collects for each cluster, and when it was last heard. One process, the leader, keeps it.

It is a projection of the log in memory, bounded by the number of clusters: the agent that registered last holds the place. What is decided by it is decided again
by the agent's own stream, loaded afresh.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from aetherius.agent_manager.context import Context
from aetherius.domain.agent import Agent, AgentStatus, CameBack, Deregistered, Registered, WentOffline
from aetherius.domain.event import Recorded, topics_of

_TOPICS: Final = topics_of([Registered, WentOffline, CameBack, Deregistered])
_PAGE: Final = 1000


class Roster:
    """The collectors of all clusters."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reading = asyncio.Lock()
        self._position = 0
        self._collectors: dict[str, Agent] = {}
        self._heard: dict[UUID, datetime] = {}
        self._listening_since = context.now()

    async def catch_up(self) -> None:
        """Read the log up to its end. Raises ``LogUnavailableError``: safe to repeat."""
        log = self._context.log
        async with self._reading:
            while True:
                page = await self._context.blocking(log.read_page, self._position, _PAGE, _TOPICS)
                for recorded in page.readable:
                    self._apply(recorded)
                self._position = page.next_position
                if len(page) < _PAGE:
                    return

    def _apply(self, recorded: Recorded) -> None:
        event = recorded.event
        cluster_id = getattr(event, "cluster_id", "")
        if isinstance(event, Registered):
            agent = Agent(recorded.stream_id)
            self._forget(cluster_id, unless=agent.id)
            self._collectors[cluster_id] = agent
            self.hear(agent.id, recorded.occurred_at)
        held = self._collectors.get(cluster_id)
        if held is None or held.id != recorded.stream_id:
            return  # of an agent whose place was taken
        held.evolve(event)
        held.version = recorded.version

    def _forget(self, cluster_id: str, unless: UUID) -> None:
        held = self._collectors.get(cluster_id)
        if held is not None and held.id != unless:
            self._heard.pop(held.id, None)

    def collector(self, cluster_id: str) -> Agent | None:
        """The agent of a cluster, in whatever state; None if none ever registered. Look only: load it to change it."""
        return self._collectors.get(cluster_id)

    def collectors(self) -> Iterable[Agent]:
        """All of them."""
        return list(self._collectors.values())

    def hear(self, agent_id: UUID, at: datetime) -> None:
        """Note a sign of life; an older one than is known changes nothing."""
        known = self._heard.get(agent_id)
        if known is None or at > known:
            self._heard[agent_id] = at

    def last_heard(self, agent: Agent) -> datetime:
        """The last sign of life: at the least, its registration."""
        return self._heard[agent.id]

    def listen_anew(self) -> None:
        """Note that nothing could be heard until now: silence counts from here."""
        self._listening_since = self._context.now()

    def is_silent(self, agent: Agent) -> bool:
        """Whether we listened long enough, and heard nothing: then it is gone, as far as one can tell."""
        since = max(self.last_heard(agent), self._listening_since)
        return self._context.now() - since > self._patience

    def is_heard(self, agent: Agent) -> bool:
        """Whether there was a sign of life within the time that an agent is given."""
        return self._context.now() - self.last_heard(agent) <= self._patience

    def is_alive(self, agent: Agent) -> bool:
        """Whether its place is taken: it is online, and not known to be gone."""
        return agent.status is AgentStatus.ONLINE and not self.is_silent(agent)

    @property
    def _patience(self) -> timedelta:
        return timedelta(seconds=self._context.settings.offline_after)
