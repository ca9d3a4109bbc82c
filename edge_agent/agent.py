"""The edge agent as a service: collects from the first moment, and speaks to the platform whenever that is there.

Two halves that meet in the spool. The collecting half (threads: watches and the collector) needs only the cluster. The speaking half (registration,
then publisher, heartbeat and commands) needs only NATS. Either may be away for long without the other noticing.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

import anyio
import anyio.to_thread
from nats.aio.client import Client

from aetherius.domain.wire.agent import RegisterMessage, RegisterReply
from aetherius.edge_agent.commanding.commands import CommandQueue
from aetherius.edge_agent.commanding.execute import Kubectl
from aetherius.edge_agent.commanding.journal import CommandJournal
from aetherius.edge_agent.commanding.runner import CommandRunner
from aetherius.edge_agent.database import Database
from aetherius.edge_agent.errors import ClusterRefusedError, ClusterUnreachableError
from aetherius.edge_agent.kubernetes_api import KubernetesApi, connect
from aetherius.edge_agent.repair.cluster import Cluster
from aetherius.edge_agent.repair.performers import shipped_performers
from aetherius.edge_agent.settings import AgentSettings
from aetherius.edge_agent.telling.heartbeat import beat
from aetherius.edge_agent.telling.publisher import Publisher
from aetherius.edge_agent.telling.registration import register
from aetherius.edge_agent.telling.spool import Spool
from aetherius.edge_agent.watching.aftermath import Aftermath
from aetherius.edge_agent.watching.collector import Collector
from aetherius.edge_agent.watching.owners import Owners
from aetherius.edge_agent.watching.revisions import AvailableRevisions
from aetherius.edge_agent.watching.watch import Changes, watches
from aetherius.runtime import nats_connection
from aetherius.runtime.clock import utc_now
from aetherius.runtime.credentials import Credentials
from aetherius.runtime.data_folder import FolderLock
from aetherius.runtime.errors import ServiceEndedError
from aetherius.runtime.process import cancelled_by, endless, run_until

logger = logging.getLogger(__name__)


async def run(settings: AgentSettings, stop: asyncio.Event) -> None:
    """Run an agent until `stop`; then finish what was taken, within the settings' deadline.

    Raises:
        CredentialsError, FolderInUseError, ClusterUnreachableError, ProgramMissingError: it cannot start (no credentials, a second agent in its
            folder, no kubeconfig, no kubectl).
        RegistrationRefusedError (in a group): the platform does not accept it.
    """
    credentials = Credentials.load(settings.credentials)
    with FolderLock(settings.state_folder):
        database = Database(settings.state_folder / "agent.db")
        try:
            agent = _Agent(settings, credentials, database)
            try:
                await agent.run(stop)
            finally:
                agent.api.close()
        finally:
            database.close()


class _Agent:
    def __init__(self, settings: AgentSettings, credentials: Credentials, database: Database) -> None:
        self._settings = settings
        self._credentials = credentials
        self._cluster_id = credentials.cluster_id
        self.api = connect(settings.kubeconfig)
        home = settings.state_folder / "home"
        self._kubectl = Kubectl.find(settings.kubectl, settings.kubeconfig, home, settings.output_limit)
        self._revisions = AvailableRevisions(database)
        self._journal = CommandJournal(database)
        self._spool = Spool(database, settings.spool_limit)
        self._owners = Owners(self.api.find)
        self._halt = threading.Event()
        self._changes: Changes = queue.Queue(maxsize=settings.queue_size)
        self._watches = watches(self.api, self._changes, self._halt)
        self._publisher: Publisher | None = None

    async def run(self, stop: asyncio.Event) -> None:
        logger.info(
            "agent starts",
            extra={"cluster": self._cluster_id, "agent": self._spool.agent_id, "epoch": self._spool.epoch},
        )
        leave = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            collecting = tasks.create_task(self._collect(), name="collect")
            speaking = tasks.create_task(self._speak(leave), name="speak")
            try:
                await stop.wait()
            finally:
                self._end_collecting()
            await asyncio.wait({collecting}, timeout=self._settings.drain_timeout)
            if self._publisher is None:  # NATS or the platform was not there: all is in the spool
                speaking.cancel()
            leave.set()

    def _end_collecting(self) -> None:
        self._halt.set()
        for each in self._watches:
            each.close()

    async def _collect(self) -> None:
        """The watches, the collector and the aftermath, each in a thread of its own, until `_halt`."""
        limiter = anyio.CapacityLimiter(len(self._watches) + 2)
        loop = asyncio.get_running_loop()
        collector, aftermath = self._collector(), self._aftermath()

        async def thread(name: str, work: Callable[..., None], *args: object) -> None:
            await anyio.to_thread.run_sync(work, *args, limiter=limiter)
            if not self._halt.is_set():
                raise ServiceEndedError(name)

        async with asyncio.TaskGroup() as threads:
            for each in self._watches:
                threads.create_task(thread("a watch", each.run))
            tell = partial(loop.call_soon_threadsafe, self._notify)
            threads.create_task(thread("the collector", collector.run, self._changes, self._halt, tell))
            threads.create_task(thread("the aftermath", aftermath.run, self._halt, tell))

    def _collector(self) -> Collector:
        return Collector(
            self._cluster_id,
            self._owners,
            self._revisions,
            self._spool,
            recovery_soak=self._settings.recovery_soak,
            crash_calm=self._settings.crash_calm,
            lookback=self._settings.lookback,
        )

    def _aftermath(self) -> Aftermath:
        return Aftermath(
            self._cluster_id, self.api.find, self._spool, soak=self._settings.aftermath_soak, owners=self._owners
        )

    def _notify(self) -> None:
        if self._publisher is not None:
            self._publisher.notify()

    async def _speak(self, leave: asyncio.Event) -> None:
        """Connect, register, then publish, beat and obey until `leave`."""
        async with nats_connection.connect(
            self._credentials.nats_url,
            f"agent-{self._cluster_id}",
            user=self._credentials.user,
            password=self._credentials.password,
            inbox_prefix=self._credentials.inbox_prefix,
            connect_within=None,
            drain_within=self._settings.drain_timeout,
        ) as client:
            await self._serve(client, await self._register(client), leave)

    async def _register(self, client: Client) -> RegisterReply:
        message = RegisterMessage(
            cluster_id=self._cluster_id,
            agent_id=self._spool.agent_id,
            epoch=self._spool.epoch,
            agent_version=version("aetherius"),
            kubernetes_version=await anyio.to_thread.run_sync(_kubernetes_version, self.api),
            capabilities=["kubectl", *shipped_performers().names],
            timestamp=utc_now(),
            repairs=self._credentials.repairs,
        )
        reply = await register(client, message, self._settings.registration_pause)
        logger.info("agent is registered", extra={"cluster": self._cluster_id, "agent": self._spool.agent_id})
        return reply

    async def _serve(self, client: Client, accepted: RegisterReply, leave: asyncio.Event) -> None:
        publisher = Publisher(client, self._cluster_id, self._spool, accepted.batch_size, accepted.batch_wait)
        self._publisher = publisher
        commands = self._commands(client)
        interval = self._settings.heartbeat_interval or accepted.heartbeat_interval
        heartbeat = beat(client, self._cluster_id, self._spool, interval, lambda: publisher.published)
        async with asyncio.TaskGroup() as tasks:
            obeying = cancelled_by(leave, endless("commands", commands.queue.run()))
            tasks.create_task(obeying, name="commands")
            await run_until(leave, ("publish", publisher.run()), ("heartbeat", heartbeat))
            await self._drain(publisher)  # while the commands that were taken are finished, within the same time

    async def _drain(self, publisher: Publisher) -> None:
        try:
            async with asyncio.timeout(self._settings.drain_timeout):
                await publisher.drain()
        except TimeoutError:
            left = await anyio.to_thread.run_sync(self._spool.waiting)
            logger.warning("stopping before all is published: it goes out at the next start", extra={"left": left})

    def _commands(self, client: Client) -> CommandQueue:
        cluster = Cluster(self.api, self._revisions, self._settings.proven_after)
        runner = CommandRunner(self._kubectl, cluster)
        return CommandQueue(
            client,
            self._cluster_id,
            self._spool.agent_id,
            self._spool.epoch,
            self._credentials.public_key(),
            self._journal,
            runner,
            self._settings.command_concurrency,
            self._settings.drain_timeout,
        )


def _kubernetes_version(api: KubernetesApi) -> str:
    """The server's version, or `unknown`: an agent registers also while its API server is away."""
    try:
        return api.version()
    except (ClusterUnreachableError, ClusterRefusedError) as exc:
        logger.warning("the API server does not say its version", extra={"error": str(exc)})
        return "unknown"
