"""Replicas of the agent manager as real processes on a PostgreSQL and a NATS of their own, under a load of known events; what is killed comes back."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from nats.aio.client import Client
from nats.errors import Error as NatsError

from aetherius.cli.folder import program
from aetherius.cli.tables import create_tables
from aetherius.domain.wire import headers, subjects
from aetherius.domain.wire.event import EventMessage, encode_lines
from aetherius.runtime.child import ChildSpec
from aetherius.runtime.data_folder import make_folder
from aetherius.runtime.embedded_nats import EmbeddedNats
from aetherius.runtime.embedded_postgres import EmbeddedPostgres
from aetherius.runtime.jetstream.streams import EVENTS, ensure_streams
from aetherius.runtime.nats_connection import connect
from aetherius.runtime.signing_key import SigningKey
from aetherius.runtime.supervisor import Phase, RestartPolicy, Supervisor
from event_feed import an_event
from installation import aetherius
from sealed_state import KEYS_TEXT

PACK = 50
SENDERS = 4
PAUSE = 0.04
"""Seconds between two messages of a sender: some 5,000 events a second in all, as far as the machine goes."""


class Load:
    """Publishes from entering the block until leaving it, each message again under the same id until it is confirmed, as an agent does.

    Every fifth message goes out a second time under another id, which only the log can know, and holds one event twice.
    """

    def __init__(self, nats: Client) -> None:
        self._nats = nats
        self._name = uuid4().hex[:6]
        self._numbers = itertools.count(1)
        self._leaving = False
        self.ids: list[UUID] = []
        """Of the events that were confirmed."""

    async def send(self) -> None:
        """Be one sender."""
        while not self._leaving:
            numbers = [next(self._numbers) for _ in range(PACK)]
            events = [an_event("c1", number, agent_id=self._name) for number in numbers]
            await self.deliver(events, f"{self._name}-{numbers[0]}")
            if numbers[0] // PACK % 5 == 0:
                await self.deliver([*events, events[0]], f"{self._name}-{numbers[0]}-again")
            await asyncio.sleep(PAUSE)

    async def deliver(self, events: list[EventMessage], message_id: str) -> None:
        """One message, until it is confirmed."""
        js = self._nats.jetstream(timeout=2)
        sent = {headers.BATCH: str(len(events)), headers.MESSAGE_ID: message_id}
        while True:
            try:
                await js.publish(subjects.event(events[0].cluster_id), encode_lines(events), headers=sent)
            except (NatsError, TimeoutError):
                await asyncio.sleep(0.1)
            else:
                self.ids += [UUID(event.id) for event in events]
                return

    def leave(self) -> None:
        """Let the senders end after the message they are at."""
        self._leaving = True


class IngestSite:
    """Made by `running`."""

    def __init__(self, supervisor: Supervisor, postgres: EmbeddedPostgres, nats: EmbeddedNats, client: Client) -> None:
        self.supervisor = supervisor
        self.postgres = postgres
        self.nats = nats
        self.client = client
        self.js = client.jetstream()
        self.kills: Counter[str] = Counter()

    @classmethod
    @asynccontextmanager
    async def running(
        cls, root: Path, replicas: int = 1, back_after: float = 0.2, postgres: Path | None = None
    ) -> AsyncIterator[IngestSite]:
        """Run all; `back_after`: seconds until what was killed is started again. `postgres`: its folder, if it has one of its own."""
        make_folder(root)
        server, broker = EmbeddedPostgres(postgres or root / "postgres"), EmbeddedNats(root / "nats")
        await server.prepare()
        await broker.prepare()
        try:
            policy = RestartPolicy(first_delay=back_after, longest_delay=max(back_after, 1.0), give_up_after=30)
            ends: Counter[str] = Counter()
            async with Supervisor(
                root,
                restarts=policy,
                on_change=lambda name, phase: ends.update([name] if phase is Phase.CRASHED else []),
            ) as supervisor:
                await supervisor.start(server.child(), broker.child())
                await asyncio.to_thread(create_tables, server.dsn)
                async with connect(broker.url, "test") as client:
                    await ensure_streams(client.jetstream())
                    SigningKey.load_or_create(root / "signing-key.pem")  # the replicas share it
                    site = cls(supervisor, server, broker, client)
                    await supervisor.start(*(site._replica(number, root) for number in range(1, replicas + 1)))
                    yield site
                    await asyncio.sleep(0)
                    own = {name: ends[name] - site.kills[name] for name in ends if name.startswith("replica")}
                    assert not any(own.values()), f"replicas ended by themselves: {own}"
        finally:
            broker.release()
            server.release()

    def _replica(self, number: int, root: Path) -> ChildSpec:
        environment = {
            "PATH": os.environ["PATH"],
            "AETHERIUS_POSTGRES_DSN": self.postgres.dsn,
            "AETHERIUS_NATS_URL": self.nats.url,
            "AETHERIUS_SIGNING_KEY_FILE": str(root / "signing-key.pem"),
            "AETHERIUS_STATE_KEYS": KEYS_TEXT,
            "AETHERIUS_ACK_WAIT": "2",
            "AETHERIUS_RETRY_DELAY": "0.5",
        }
        words = (*program(), "serve", "agent_manager")
        return ChildSpec(name=f"replica-{number}", argv=words, env=environment, ready_by_fd=True, ready_within=60.0)

    @asynccontextmanager
    async def load(self) -> AsyncIterator[Load]:
        """Under load inside the block; on leaving all is confirmed."""
        load = Load(self.client)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(SENDERS):
                tasks.create_task(load.send())
            try:
                yield load
            finally:
                load.leave()

    async def kill(self, name: str) -> None:
        """`kill -9` of a child (`postgres`, `nats`, `replica-1`), as soon as it runs; the supervisor starts it again."""
        async with asyncio.timeout(120):
            while not self._killed(name):  # noqa: ASYNC110  # it is being started
                await asyncio.sleep(0.05)

    def _killed(self, name: str) -> bool:
        try:
            os.kill(self.supervisor.pid(name), signal.SIGKILL)
        except ProcessLookupError:
            return False
        self.kills[name] += 1
        return True

    def said(self, name: str) -> str:
        """What a child has logged."""
        return self.supervisor.log_file(name).read_text()

    async def stored(self) -> int:
        """Events in the log; -1 while PostgreSQL is away."""
        return await asyncio.to_thread(self._stored)

    def _stored(self) -> int:
        try:
            return int(self._rows("SELECT count(*) FROM aetherius.observed")[0][0])
        except psycopg.OperationalError:
            return -1

    async def until_stored(self, count: int, within: float = 120.0) -> None:
        """Return once the log holds so many."""
        async with asyncio.timeout(within):
            while await self.stored() < count:  # noqa: ASYNC110  # other processes' work
                await asyncio.sleep(0.05)

    async def waiting(self) -> int:
        """Event messages that nobody has acknowledged."""
        return (await self.js.stream_info(EVENTS)).state.messages

    async def must_hold_once(self, ids: list[UUID], within: float = 120.0) -> None:
        """Every event by its id, each once; nothing is left unacknowledged; the ledger is intact."""
        async with asyncio.timeout(within):
            while await self._left():  # noqa: ASYNC110  # other processes' work
                await asyncio.sleep(0.05)
        rows = await asyncio.to_thread(self._rows, "SELECT originator_id FROM aetherius.observed")
        held = Counter(row[0] for row in rows)
        assert [id for id, times in held.items() if times > 1] == []
        assert set(ids) - held.keys() == set()
        assert held.keys() - set(ids) == set()
        assert "intact" in await asyncio.to_thread(aetherius, "audit", "verify", "--dsn", self.postgres.dsn)

    async def _left(self) -> bool:
        try:
            return await self.waiting() > 0 or await self.stored() < 0
        except (NatsError, TimeoutError):
            return True

    def _rows(self, query: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.postgres.dsn, connect_timeout=5) as connection:
            return connection.execute(query).fetchall()
