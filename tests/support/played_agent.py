"""An agent played by the test: with a cluster's own credentials it says what it likes, as often and in whatever order it likes."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Self

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg

from aetherius.domain.wire import headers, subjects
from aetherius.domain.wire.agent import RegisterMessage
from aetherius.domain.wire.command import CommandMessage, ResultMessage, ResultStatus
from aetherius.domain.wire.event import EventMessage, encode_lines
from aetherius.edge_agent.telling.registration import register
from aetherius.runtime.credentials import Credentials
from aetherius.runtime.jetstream.streams import COMMANDS, command_consumer
from aetherius.runtime.nats_connection import connect


class PlayedAgent:
    """One cluster's voice. Every message gets an id of its own, so the broker never knows a repeat."""

    def __init__(self, client: Client, cluster_id: str) -> None:
        self.client = client
        self.cluster_id = cluster_id
        self.js = client.jetstream(timeout=30)

    @classmethod
    @asynccontextmanager
    async def connected(cls, credentials: Credentials) -> AsyncIterator[Self]:
        """Connected for the length of the block."""
        async with connect(
            credentials.nats_url,
            "played",
            user=credentials.user,
            password=credentials.password,
            inbox_prefix=credentials.inbox_prefix,
        ) as client:
            yield cls(client, credentials.cluster_id)

    async def register(self) -> None:
        """Introduce itself, and be accepted."""
        message = RegisterMessage(
            cluster_id=self.cluster_id,
            agent_id="played",
            epoch=1,
            agent_version="1",
            kubernetes_version="v1.37.0",
            timestamp=datetime.now(UTC),
            repairs=True,
        )
        await register(self.client, message, 30.0)

    async def say(self, leaf: str, payload: bytes, batch: int | None = None) -> None:
        """Publish on the cluster's own subject that ends so; returns when the stream has it."""
        head = {headers.MESSAGE_ID: uuid.uuid4().hex}
        if batch is not None:
            head[headers.BATCH] = str(batch)
        await self.js.publish(subjects.agent_subject(self.cluster_id, leaf), payload, headers=head)

    async def report(self, events: Sequence[EventMessage]) -> None:
        """Publish a batch of events."""
        await self.say("event", encode_lines(events), len(events))

    async def answer(self, result: ResultMessage) -> None:
        """Publish a result."""
        await self.say("result", msgspec.json.encode(result))

    def result(self, command: CommandMessage, status: ResultStatus, **changes: Any) -> ResultMessage:
        """A result of a command."""
        given: dict[str, Any] = {
            "command_id": command.id,
            "cluster_id": self.cluster_id,
            "status": status,
            "timestamp": datetime.now(UTC),
            "agent_id": "played",
        }
        return ResultMessage(**{**given, **changes})

    async def commands(self) -> AsyncIterator[tuple[CommandMessage, Msg]]:
        """Commands as they come, without end; each must be acknowledged."""
        queue = await self.js.pull_subscribe_bind(command_consumer(self.cluster_id), COMMANDS)
        while True:
            try:
                found = await queue.fetch(1, timeout=1)
            except TimeoutError:
                continue
            for message in found:
                yield msgspec.json.decode(message.data, type=CommandMessage), message
