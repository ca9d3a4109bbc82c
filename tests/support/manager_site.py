"""A site: agent managers on a database and a NATS server, seen as an agent and as the other services see them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import psycopg
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import NoStreamResponseError

from aetherius.agent_manager.service import run
from aetherius.agent_manager.settings import AgentManagerSettings
from aetherius.domain.command import Command, CommandStatus, Issued
from aetherius.domain.event import Cause, Event, Recorded, topics_of
from aetherius.domain.secrets import opened
from aetherius.domain.wire import headers, subjects
from aetherius.domain.wire.agent import HeartbeatMessage, RegisterMessage, RegisterReply
from aetherius.domain.wire.command import CommandType, ResultMessage, ResultStatus
from aetherius.domain.wire.event import EventMessage, Labels, Severity, encode_lines
from aetherius.domain.wire.identity import observation_id
from aetherius.event_store.log import Log
from sealed_state import KEYS, KEYS_TEXT, SEALING

PATIENCE = 120.0
"""Seconds until what must come is given up: far beyond what it takes on a machine that is busy with other things."""
T = TypeVar("T")
E = TypeVar("E", bound=Event)


class Letter(msgspec.Struct):
    """A dead letter."""

    subject: str
    data: bytes
    headers: dict[str, str]

    @property
    def reason(self) -> str:
        """Why it was refused."""
        return self.headers[headers.REASON]


class Site:
    """What an agent and the other services see of the agent manager."""

    def __init__(self, dsn: str, nats_url: str, nats: Client, folder: Path) -> None:
        self.dsn = dsn
        self.nats_url = nats_url
        self.nats = nats
        self.js = nats.jetstream()
        self.log = Log(dsn, sealing=SEALING)
        self.folder = folder

    def settings(self, **changes: Any) -> AgentManagerSettings:
        """Settings with short times."""
        given: dict[str, Any] = {
            "postgres_dsn": self.dsn,
            "nats_url": self.nats_url,
            "signing_key_file": self.folder / "key.pem",
            "state_keys": KEYS_TEXT,
            "ack_wait": 1.0,
            "retry_delay": 0.2,
            "leader_interval": 0.1,
            "heartbeat_interval": 30.0,
            "drain_timeout": 3.0,
        }
        return AgentManagerSettings(**{**given, **changes})

    @asynccontextmanager
    async def manager(self, **changes: Any) -> AsyncIterator[asyncio.Task[None]]:
        """An agent manager, stopped in order at the end of the block."""
        stop, ready = asyncio.Event(), asyncio.Event()
        serving = asyncio.create_task(run(self.settings(**changes), stop, ready.set))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        try:
            yield serving
        finally:
            stop.set()
            _, late = await asyncio.wait({serving}, timeout=PATIENCE)
            assert not late, "it does not stop"
            if not serving.cancelled():  # the test killed it
                serving.result()

    async def report(self, *events: EventMessage, cluster: str = "c1", message_id: str | None = None) -> None:
        """Publish events as an agent does: one message, one batch."""
        sent = {headers.BATCH: str(len(events)), headers.MESSAGE_ID: message_id or uuid.uuid4().hex}
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    await self.js.publish(subjects.event(cluster), encode_lines(events).rstrip(b"\n"), headers=sent)
                except NoStreamResponseError:  # a server that has just started
                    await asyncio.sleep(0.05)
                else:
                    return

    def recorded(self, *kinds: type[Event] | str, table_limit: int = 10_000) -> list[Recorded]:
        """What the log holds, of these kinds, its secrets opened."""
        found = self.log.read(0, table_limit, topics_of(kinds))
        return [msgspec.structs.replace(each, event=opened(each.event, each.stream_id, KEYS)) for each in found]

    def events(self, kind: type[E]) -> list[E]:
        """The events of a kind, without their envelopes."""
        return [recorded.event for recorded in self.recorded(kind) if isinstance(recorded.event, kind)]

    async def until(self, holds: Callable[[], T], within: float = PATIENCE) -> T:
        """Return what `holds` says once it says something true."""
        async with asyncio.timeout(within):
            while not (answer := await asyncio.to_thread(holds)):  # noqa: ASYNC110  # other connections, other processes
                await asyncio.sleep(0.02)
            return answer

    async def dead_letters(self, count: int, within: float = PATIENCE) -> list[Letter]:
        """The dead letters, once there are `count`."""
        subscription = await self.js.subscribe(f"{subjects.DEAD_LETTERS}.>", ordered_consumer=True)
        messages = [await subscription.next_msg(within) for _ in range(count)]
        return [Letter(message.subject, message.data, message.headers or {}) for message in messages]

    async def empty(self, stream: str) -> None:
        """Return once every message of a stream is acknowledged."""
        async with asyncio.timeout(PATIENCE):
            while await self.waiting(stream):  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.02)

    async def waiting(self, stream: str) -> int:
        """Messages in a stream that are not acknowledged."""
        return (await self.js.stream_info(stream)).state.messages

    def registration(self, cluster: str = "c1", agent: str = "a1", epoch: int = 1) -> RegisterMessage:
        """A valid registration."""
        return RegisterMessage(
            cluster_id=cluster,
            agent_id=agent,
            epoch=epoch,
            agent_version="0.1.0",
            kubernetes_version="v1.37.0",
            capabilities=["kubectl"],
            timestamp=datetime.now(UTC),
        )

    async def register(
        self, cluster: str = "c1", agent: str = "a1", epoch: int = 1, through: Client | None = None
    ) -> RegisterReply:
        """Introduce an agent, and return the answer."""
        nats = through or self.nats
        inbox = f"_INBOX.{cluster}.{uuid.uuid4().hex}"
        replies = await nats.subscribe(inbox)
        message = msgspec.json.encode(self.registration(cluster, agent, epoch))
        await nats.jetstream().publish(subjects.register(cluster), message, headers={headers.REPLY: inbox})
        reply = await replies.next_msg(timeout=PATIENCE)
        await replies.unsubscribe()
        return msgspec.json.decode(reply.data, type=RegisterReply)

    async def beat(self, cluster: str = "c1", agent: str = "a1") -> None:
        """Send one heartbeat."""
        message = HeartbeatMessage(cluster_id=cluster, agent_id=agent, epoch=1, timestamp=datetime.now(UTC))
        await self.nats.publish(subjects.heartbeat(cluster), msgspec.json.encode(message))

    async def beat_until(self, holds: Callable[[], T], cluster: str = "c1") -> T:
        """Beat until `holds` says something true: one heartbeat may come while nobody listens yet, or count for nothing once it is looked at."""
        async with asyncio.timeout(PATIENCE):
            while not (answer := await asyncio.to_thread(holds)):
                await self.beat(cluster)
                await asyncio.sleep(0.02)
            return answer

    def issue(
        self, cluster: str = "c1", *, lives: float = 60.0, timeout: str = "30s", action: str = "logs"
    ) -> uuid.UUID:
        """Order a command, as the orchestrator does."""
        now = datetime.now(UTC)
        command = Command(uuid.uuid4())
        order = Issued(
            cluster_id=cluster,
            type=CommandType.DIAGNOSTIC,
            tool="kubectl",
            action=action,
            args=["--tail=100"],
            namespace="shop",
            timeout=timeout,
            issued_by="system:workflow",
            expires_at=now + timedelta(seconds=lives),
        )
        command.issue(order, now)
        self.log.save(command, Cause(actor="system:workflow", correlation_id=uuid.uuid4()))
        return command.id

    async def answer(self, command: uuid.UUID, cluster: str = "c1", of: str | None = None, output: str = "ok") -> None:
        """Send a result, as an agent does; `of` is the cluster that it claims."""
        message = ResultMessage(
            command_id=str(command),
            cluster_id=of or cluster,
            status=ResultStatus.SUCCESS,
            exit_code=0,
            output=output,
            timestamp=datetime.now(UTC),
        )
        await self.js.publish(subjects.result(cluster), msgspec.json.encode(message))

    @contextmanager
    def forgotten(self, command: uuid.UUID, checkpoint: str) -> Iterator[None]:
        """The log as it was before a command was noted as dispatched: what a crash leaves behind."""
        with psycopg.connect(self.dsn, autocommit=True) as admin:
            admin.execute(
                "DELETE FROM aetherius.decided WHERE originator_id = %s AND originator_version > 1", (command,)
            )
        self.log.reset_checkpoint(checkpoint)
        yield

    def order(self, id: uuid.UUID) -> Issued:
        """What a command asks for."""
        issued = self.command(id).issued
        assert issued is not None
        return issued

    def status(self, id: uuid.UUID) -> CommandStatus:
        """Where a command is."""
        return self.command(id).status

    def command(self, id: uuid.UUID) -> Command:
        """A command as the log has it."""
        return self.log.load(Command, id)


def headers_of(message: Msg) -> dict[str, str]:
    """The headers of a message; none are an empty dict."""
    return message.headers or {}


def events_of(numbers: Sequence[int], cluster: str = "c1", **changes: Any) -> list[EventMessage]:
    """Valid events with these sequence numbers; the same number is the same event."""
    return [an_event(number, cluster, **changes) for number in numbers]


_NOW = datetime.now(UTC)


def an_event(number: int, cluster: str = "c1", **changes: Any) -> EventMessage:
    """A valid event; its id follows a changed `timestamp`."""
    event = EventMessage(
        id=observation_id(cluster, changes.get("timestamp", _NOW), "test", number),
        cluster_id=cluster,
        timestamp=_NOW,
        source="kubelet",
        severity=Severity.LOW,
        reason="BackOff",
        message=f"event {number}",
        namespace="shop",
        labels=Labels(kind="Pod", name="shop-1"),
        agent_id="a1",
        epoch=1,
        sequence=number,
    )
    return msgspec.structs.replace(event, **changes)
