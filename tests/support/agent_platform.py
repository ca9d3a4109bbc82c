"""The platform as one agent meets it, on a real NATS: it accepts (or refuses) the registration, keeps what is published, signs commands."""

from __future__ import annotations

import asyncio
import base64
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig

from aetherius.domain.wire import headers, subjects
from aetherius.domain.wire.agent import HeartbeatMessage, RegisterMessage, RegisterReply
from aetherius.domain.wire.command import CommandMessage, CommandType, ResultMessage
from aetherius.domain.wire.event import EventMessage, decode_event, split_lines
from aetherius.edge_agent.agent import run
from aetherius.edge_agent.settings import AgentSettings
from aetherius.runtime.credentials import Credentials
from aetherius.runtime.embedded_nats import EmbeddedNats
from aetherius.runtime.jetstream.streams import COMMANDS, CONTROL, EVENTS, ensure_command_consumer, ensure_streams
from aetherius.runtime.nats_connection import connect
from aetherius.runtime.signing_key import SigningKey

T = TypeVar("T")


async def soon(probe: Callable[[], T], seconds: float = 120.0) -> T:
    """What the probe returns once that is true; fails with the last answer after `seconds`."""
    end = time.monotonic() + seconds
    while not (found := probe()):
        assert time.monotonic() < end, f"not reached within {seconds} s: {found!r}"
        await asyncio.sleep(0.05)
    return found


class AgentPlatform:
    """What one cluster's agent said, and a hand to send it commands."""

    def __init__(self, client: Client, credentials: Credentials, key: SigningKey) -> None:
        self.client = client
        self.js = client.jetstream()
        self.credentials = credentials
        self.cluster_id = credentials.cluster_id
        self.key = key
        self.reply = RegisterReply(accepted=True, heartbeat_interval=0.2, batch_wait=0.05)
        self.registrations: list[RegisterMessage] = []
        self.heartbeats: list[HeartbeatMessage] = []
        self.events: list[EventMessage] = []
        self.batches: list[Msg] = []
        self.results: list[ResultMessage] = []

    async def listen(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Take what the agent publishes, as the manager would."""

        async def heartbeat(message: Msg) -> None:
            self.heartbeats.append(msgspec.json.decode(message.data, type=HeartbeatMessage))

        await self.client.subscribe(subjects.heartbeat(self.cluster_id), cb=heartbeat)
        handlers = {
            (EVENTS, subjects.event(self.cluster_id)): self._take_events,
            (CONTROL, subjects.register(self.cluster_id)): self._take_registration,
            (CONTROL, subjects.result(self.cluster_id)): self._take_result,
        }
        return [tasks.create_task(self._follow(*place, handle)) for place, handle in handlers.items()]

    async def _follow(self, stream: str, subject: str, handle: Callable[[Msg], Awaitable[None]]) -> None:
        name = f"{self.cluster_id}-{subject.rsplit('.', 1)[-1]}"
        config = ConsumerConfig(durable_name=name, filter_subject=subject, ack_policy=AckPolicy.EXPLICIT)
        await self.js.add_consumer(stream, config)
        subscription = await self.js.pull_subscribe_bind(name, stream)
        while True:
            try:
                messages = await subscription.fetch(100, timeout=1)
            except TimeoutError:
                continue
            for message in messages:
                await handle(message)
                await message.ack()

    async def _take_events(self, message: Msg) -> None:
        count = int((message.headers or {}).get(headers.BATCH, "0")) or None
        self.batches.append(message)
        self.events += [decode_event(line) for line in split_lines(message.data, count)]

    async def _take_registration(self, message: Msg) -> None:
        self.registrations.append(msgspec.json.decode(message.data, type=RegisterMessage))
        await self.client.publish((message.headers or {})[headers.REPLY], msgspec.json.encode(self.reply))

    async def _take_result(self, message: Msg) -> None:
        self.results.append(msgspec.json.decode(message.data, type=ResultMessage))

    def command(self, **fields: Any) -> CommandMessage:
        """A valid command; the test names what it is about."""
        defaults: dict[str, Any] = {
            "id": str(uuid.uuid4()),
            "cluster_id": self.cluster_id,
            "type": CommandType.DIAGNOSTIC,
            "tool": "kubectl",
            "action": "get",
            "args": [],
            "issued_by": "test",
            "correlation_id": str(uuid.uuid4()),
            "expires_at": datetime.now(UTC) + timedelta(seconds=60),
            "nonce": uuid.uuid4().hex,
        }
        return CommandMessage(**{**defaults, **fields})

    async def send(self, command: CommandMessage, message_id: str | None = None, **override: str) -> None:
        """Send a command, signed unless `override` says other headers."""
        subject = subjects.command(self.cluster_id)
        payload = msgspec.json.encode(command)
        fields = {
            headers.MESSAGE_ID: message_id or f"{command.id}:{command.action}",
            headers.KEY_ID: self.key.public.key_id,
            headers.SIGNATURE: self.sign(subject, payload),
        }
        await self.js.publish(subject, payload, stream=COMMANDS, headers={**fields, **override})

    def sign(self, subject: str, payload: bytes) -> str:
        """The signature header of a payload."""
        return base64.b64encode(self.key.sign(headers.signed_bytes(subject, payload))).decode()

    async def order(self, command: CommandMessage, seconds: float = 120.0) -> ResultMessage:
        """Send a command and wait for its result."""
        await self.send(command)
        return await self.result(command.id, seconds)

    async def result(self, command_id: str, seconds: float = 120.0) -> ResultMessage:
        """The first result of a command."""
        found = await soon(lambda: [each for each in self.results if each.command_id == command_id], seconds)
        return found[0]

    def seen(self, **fields: Any) -> list[EventMessage]:
        """The events whose fields (or labels) are these."""
        return [
            event
            for event in self.events
            if all(getattr(event, name, getattr(event.labels, name, None)) == value for name, value in fields.items())
        ]


@asynccontextmanager
async def agent_platform(nats: EmbeddedNats, folder: Path, cluster_id: str) -> AsyncIterator[AgentPlatform]:
    """The platform for one new cluster; its credentials file is `folder/credentials.json`."""
    key = SigningKey(Ed25519PrivateKey.generate())
    credentials = await nats.add_cluster(cluster_id, key.public)
    credentials.save(folder / "credentials.json")
    async with connect(nats.url, "platform") as client:
        await ensure_streams(client.jetstream())
        await ensure_command_consumer(client.jetstream(), cluster_id)
        platform = AgentPlatform(client, credentials, key)
        async with asyncio.TaskGroup() as tasks:
            following = await platform.listen(tasks)
            try:
                yield platform
            finally:
                for task in following:
                    task.cancel()


@asynccontextmanager
async def running_agent(settings: AgentSettings) -> AsyncIterator[None]:
    """The agent, for the length of the block."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run(settings, stop))
        try:
            yield
        finally:
            stop.set()
