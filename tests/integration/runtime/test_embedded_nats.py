"""The embedded NATS: what a cluster's user may and may not do, on the real server."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext

from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.wire import subjects
from aetherius.runtime.credentials import Credentials
from aetherius.runtime.embedded_nats import EmbeddedNats
from aetherius.runtime.errors import FolderInUseError
from aetherius.runtime.jetstream.streams import COMMANDS, command_consumer, ensure_command_consumer, ensure_streams
from aetherius.runtime.nats_connection import can_log_in, connect
from aetherius.runtime.signing_key import SigningKey

pytestmark = pytest.mark.anyio

KEY = SigningKey(Ed25519PrivateKey.generate()).public


class Agent:
    """A connected agent that remembers what the server refused it."""

    def __init__(self, client: Client, refusals: asyncio.Queue[str], cluster: str) -> None:
        self.client, self.cluster = client, cluster
        self.js: JetStreamContext = client.jetstream(timeout=30)
        self._refusals = refusals

    async def refused(self) -> str:
        """The next refusal."""
        async with asyncio.timeout(120):
            return await self._refusals.get()

    async def was_refused_nothing(self) -> bool:
        """Whether the server has answered everything and refused nothing: two flushes, as the library's first may overtake a publish."""
        await self.client.flush()
        await self.client.flush()
        return self._refusals.empty()


@asynccontextmanager
async def agent(credentials: Credentials) -> AsyncIterator[Agent]:
    refusals: asyncio.Queue[str] = asyncio.Queue(100)

    async def note(error: Exception) -> None:
        refusals.put_nowait(str(error).lower())

    client = await nats.connect(
        credentials.nats_url,
        user=credentials.user,
        password=credentials.password,
        inbox_prefix=credentials.inbox_prefix,
        error_cb=note,
    )
    try:
        yield Agent(client, refusals, credentials.cluster_id)
    finally:
        await client.close()


@pytest.fixture
async def platform(nats_url: str) -> AsyncIterator[Client]:
    async with connect(nats_url, "platform") as client:
        await ensure_streams(client.jetstream())
        yield client


@pytest.fixture
async def ours(nats_server: EmbeddedNats, platform: Client) -> AsyncIterator[Agent]:
    async with agent(await an_agent(nats_server, platform)) as connected:
        yield connected


@pytest.fixture
async def other(nats_server: EmbeddedNats, platform: Client) -> AsyncIterator[Agent]:
    async with agent(await an_agent(nats_server, platform)) as connected:
        yield connected


async def an_agent(server: EmbeddedNats, platform: Client) -> Credentials:
    cluster = f"c-{uuid.uuid4().hex[:8]}"
    await ensure_command_consumer(platform.jetstream(), cluster)
    return await server.add_cluster(cluster, KEY)


async def test_an_agent_publishes_what_its_cluster_reports(ours: Agent) -> None:
    for subject in (subjects.event, subjects.register, subjects.result):
        ack = await ours.js.publish(subject(ours.cluster), b"{}")
        assert ack.seq > 0
    await ours.client.publish(subjects.heartbeat(ours.cluster), b"{}")
    assert await ours.was_refused_nothing()


async def test_an_agent_takes_and_acknowledges_its_own_commands(ours: Agent, platform: Client) -> None:
    await platform.jetstream().publish(subjects.command(ours.cluster), b"order")
    queue = await ours.js.pull_subscribe_bind(command_consumer(ours.cluster), COMMANDS)
    [message] = await queue.fetch(1, timeout=60)
    assert message.data == b"order"
    await message.ack_sync()
    info = await platform.jetstream().consumer_info(COMMANDS, command_consumer(ours.cluster))
    assert (info.num_pending, info.num_ack_pending) == (0, 0)
    assert await ours.was_refused_nothing()


@pytest.mark.parametrize("leaf", ["event", "register", "result", "heartbeat", "metrics", "topology", "command"])
async def test_an_agent_cannot_publish_as_another(ours: Agent, other: Agent, leaf: str) -> None:
    await ours.client.publish(subjects.agent_subject(other.cluster, leaf), b"{}")
    assert "permissions violation for publish" in await ours.refused()


async def test_an_agent_cannot_publish_commands_even_to_itself(ours: Agent) -> None:
    await ours.client.publish(subjects.command(ours.cluster), b"{}")
    assert "permissions violation for publish" in await ours.refused()


@pytest.mark.parametrize(
    "subject", [">", "_INBOX.>", "_INBOX.{other}.>", "aetherius.agent.{other}.event", "aetherius.>", "$JS.>"]
)
async def test_an_agent_cannot_listen_to_others(ours: Agent, other: Agent, subject: str) -> None:
    await ours.client.subscribe(subject.format(other=other.cluster))
    assert "permissions violation for subscription" in await ours.refused()


async def asked(client: Client, subject: str) -> Msg:
    """The answer to a request. A server that has just been told of a new cluster may not know who answers, for a moment."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await client.request(subject, b"", timeout=30)
            except NoRespondersError:
                await asyncio.sleep(0.05)


async def test_an_agent_cannot_see_anothers_replies(ours: Agent, other: Agent, platform: Client) -> None:
    async def answer(message: Msg) -> None:
        await message.respond(b"for you alone")

    await platform.subscribe(subjects.heartbeat(other.cluster), cb=answer)
    await platform.flush()
    spy = await ours.client.subscribe(f"_INBOX.{other.cluster}.>")
    reply = await asked(other.client, subjects.heartbeat(other.cluster))
    assert reply.data == b"for you alone"
    with pytest.raises(NatsTimeoutError):
        await spy.next_msg(timeout=0.2)


async def test_an_agent_cannot_take_anothers_commands(ours: Agent, other: Agent, platform: Client) -> None:
    await platform.jetstream().publish(subjects.command(other.cluster), b"order")
    queue = await ours.js.pull_subscribe_bind(command_consumer(other.cluster), COMMANDS)
    with pytest.raises((NatsTimeoutError, asyncio.TimeoutError)):
        await queue.fetch(1, timeout=0.5)
    assert "permissions violation for publish" in await ours.refused()


@pytest.mark.parametrize(
    "target", ["aetherius.agent.{other}.event", "aetherius.agent.{other}.command", "work.step", "internal.x"]
)
async def test_an_agent_cannot_have_an_answer_sent_elsewhere(
    ours: Agent, other: Agent, platform: Client, target: str
) -> None:
    """A client names the subject of the answer to its request; the server's own answers must not get past the permissions that way."""
    target = target.format(other=other.cluster)
    heard = await platform.subscribe(target)
    responded = asyncio.Event()

    async def answer(message: Msg) -> None:
        await message.respond(b"an answer")
        responded.set()

    await platform.subscribe(subjects.heartbeat(ours.cluster), cb=answer)
    await platform.flush()
    await platform.jetstream().publish(subjects.command(ours.cluster), b"order")
    consumer = command_consumer(ours.cluster)
    await ours.client.publish(subjects.event(ours.cluster), b"{}", reply=target)
    await ours.client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{COMMANDS}.{consumer}", b"1", reply=target)
    await ours.client.publish(subjects.heartbeat(ours.cluster), b"", reply=target)
    async with asyncio.timeout(120):
        await responded.wait()
    assert await ours.was_refused_nothing(), "the requests as such are allowed"
    with pytest.raises(NatsTimeoutError):
        await heard.next_msg(timeout=0.3)


@pytest.mark.parametrize(
    "request_subject",
    [
        "$JS.API.STREAM.INFO.EVENTS",
        "$JS.API.CONSUMER.INFO.COMMANDS.agent-{ours}",
        "$JS.API.STREAM.MSG.GET.EVENTS",
        "$JS.API.DIRECT.GET.COMMANDS",
        "$JS.API.STREAM.PURGE.COMMANDS",
        "$JS.API.STREAM.LIST",
        "$JS.API.CONSUMER.CREATE.EVENTS",
        "$JS.API.CONSUMER.DURABLE.CREATE.COMMANDS.mine",
        "$JS.API.CONSUMER.DELETE.COMMANDS.agent-{ours}",
        "$JS.ACK.EVENTS.ingest.1.1.1.1.0",
        "work.step",
        "internal.event.critical",
        "aetherius.dead-letter.x",
    ],
)
async def test_an_agent_cannot_use_the_rest_of_the_bus(ours: Agent, request_subject: str) -> None:
    await ours.client.publish(request_subject.format(ours=ours.cluster), b"{}", reply=f"_INBOX.{ours.cluster}.x")
    assert "permissions violation for publish" in await ours.refused()


async def test_strangers_are_refused(nats_server: EmbeddedNats) -> None:
    assert not await can_log_in(nats_server.address, "server", "guess")
    assert not await can_log_in(nats_server.address, "", "")


async def test_adding_a_cluster_disturbs_no_connection_and_repeats(
    nats_server: EmbeddedNats, ours: Agent, platform: Client
) -> None:
    before = platform.stats["reconnects"], ours.client.stats["reconnects"]
    first = await nats_server.add_cluster("newcomer", KEY)
    assert await nats_server.add_cluster("newcomer", KEY) == first
    await platform.flush()
    await ours.js.publish(subjects.event(ours.cluster), b"{}")
    assert (platform.stats["reconnects"], ours.client.stats["reconnects"]) == before


async def test_many_clusters_are_added_at_once(nats_server: EmbeddedNats) -> None:
    names = [f"many-{n}" for n in range(50)]
    for credentials in await nats_server.add_clusters(names, KEY):
        async with agent(credentials) as connected:
            await connected.js.publish(subjects.event(connected.cluster), b"{}")


async def test_a_cluster_id_that_could_widen_a_subject_is_refused(nats_server: EmbeddedNats) -> None:
    for hostile in ("*", ">", "a.b", "", "A", 'x"'):
        with pytest.raises(InvalidMessageError):
            await nats_server.add_cluster(hostile, KEY)


async def test_users_port_and_messages_survive_kill_9_and_restart(open_folder: Path) -> None:
    server = EmbeddedNats(open_folder / "nats-killed")
    url = await server.start()
    credentials = await server.add_cluster("kept", KEY)
    async with connect(url, "test") as client:
        await ensure_streams(client.jetstream())
        await client.jetstream().publish(subjects.event("kept"), b"stored")
    os.kill(int((server.data_dir / "nats.pid").read_text()), signal.SIGKILL)
    await server.stop()
    assert await server.start() == url
    assert await can_log_in(credentials.nats_url, credentials.user, credentials.password)
    async with connect(url, "test") as client:
        assert (await client.jetstream().stream_info("EVENTS")).state.messages == 1
    await server.stop()


async def test_another_process_may_add_a_cluster_to_a_running_server(nats_server: EmbeddedNats) -> None:
    credentials = await EmbeddedNats(nats_server.data_dir).add_cluster("from-outside", KEY)
    assert await can_log_in(credentials.nats_url, credentials.user, credentials.password)


async def test_a_folder_in_use_is_refused(nats_server: EmbeddedNats) -> None:
    with pytest.raises(FolderInUseError):
        await EmbeddedNats(nats_server.data_dir).start()


def test_every_file_with_a_password_is_for_its_owner_alone(nats_server: EmbeddedNats) -> None:
    for name in ("users.json", "nats.conf"):
        assert stat.S_IMODE((nats_server.data_dir / name).stat().st_mode) == 0o600
