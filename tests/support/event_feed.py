"""A feed of known events: a cluster's agent played by the test, which publishes batch after batch and remembers each event that it published."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID, uuid4

from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from aetherius.domain.wire import headers, subjects
from aetherius.domain.wire.event import EventMessage, Labels, Severity, encode_lines
from aetherius.domain.wire.identity import observation_id
from aetherius.runtime.credentials import Credentials
from played_agent import PlayedAgent

BATCH: Final = 20
PAUSE: Final = 0.1
CONFIRM_WITHIN: Final = 2.0


def an_event(cluster: str, number: int, **changes: Any) -> EventMessage:
    """A harmless event; the same number gives the same one, if it is given the same time."""
    at = changes.pop("timestamp", datetime.now(UTC))
    given: dict[str, Any] = {
        "id": observation_id(cluster, at, "feed", number),
        "cluster_id": cluster,
        "timestamp": at,
        "source": "feed",
        "severity": Severity.LOW,
        "reason": "Scheduled",
        "message": f"event {number}",
        "namespace": "feed",
        "labels": Labels(kind="Pod", name=f"pod-{number}"),
        "agent_id": "feed",
        "epoch": 1,
        "sequence": number,
    }
    return EventMessage(**{**given, **changes})


async def publish(
    js: JetStreamContext, cluster: str, events: Sequence[EventMessage], message_id: str, within: float = CONFIRM_WITHIN
) -> None:
    """Publish a batch, once. Raises what the client raises, when it is not confirmed."""
    head = {headers.MESSAGE_ID: message_id, headers.BATCH: str(len(events))}
    await js.publish(subjects.event(cluster), encode_lines(events), timeout=within, headers=head)


class EventFeed(AbstractContextManager["EventFeed"]):
    """Publishes in a thread, from entering the block until leaving it: each batch again and again until it is confirmed, as an agent does.

    Every third batch goes out a second time under another id, which the broker cannot know: only the log can.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._name = uuid4().hex[:8]
        self.ids: list[UUID] = []
        """Of the events that were confirmed."""
        self._leave = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="event feed")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._leave.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "the last batch is not confirmed"
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            asyncio.run(self._feed())
        except BaseException as exc:  # noqa: BLE001  # handed to the test's thread
            self._failure = exc

    async def _feed(self) -> None:
        given = self._credentials
        async with PlayedAgent.connected(given) as agent:
            js = agent.client.jetstream()
            while not self._leave.is_set():
                first = len(self.ids) + 1
                batch = [
                    an_event(given.cluster_id, number, agent_id=self._name) for number in range(first, first + BATCH)
                ]
                await self._deliver(js, batch, f"{self._name}-{first}")
                if first % 3 == 0:
                    await self._deliver(js, batch, f"{self._name}-{first}-again")
                self.ids += [UUID(each.id) for each in batch]
                await asyncio.sleep(PAUSE)

    async def _deliver(self, js: JetStreamContext, batch: Sequence[EventMessage], message_id: str) -> None:
        while True:
            try:
                return await publish(js, self._credentials.cluster_id, batch, message_id)
            except (NatsError, TimeoutError):
                await asyncio.sleep(0.2)
