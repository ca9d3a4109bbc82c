"""PostgreSQL servers as an operator has them: base backups, an archive of WAL, standbys, dumps; by PostgreSQL's own programs, as its own user."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg
import psycopg.conninfo
from psycopg import sql

from aetherius.runtime.embedded_postgres import EmbeddedPostgres
from aetherius.runtime.postgres_programs import programs
from processes import eventually


class PostgresSite:
    """Servers in one folder that share a password, and an archive of WAL."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._servers: list[EmbeddedPostgres] = []
        root.mkdir(mode=0o711)
        root.chmod(0o711)
        nobody = pwd.getpwnam("nobody")
        self._user = (nobody.pw_uid, nobody.pw_gid) if os.geteuid() == 0 else None
        self._programs = programs(root, self._user)
        self.archive = root / "archive"
        self._own(self.archive)

    def server(self, name: str, port: int = 0) -> EmbeddedPostgres:
        """A server on a folder of its own; made when it is not there."""
        self._servers.append(EmbeddedPostgres(self._folder(name), port))
        return self._servers[-1]

    def _folder(self, name: str) -> Path:
        folder = self.root / name
        if not folder.exists():
            self._own(folder)
            for copied in self.root.glob("programs-*"):
                (folder / copied.name).symlink_to(copied)
        return folder

    def start_archiving(self, dsn: str) -> None:
        """Have the WAL archived, once the server was started again."""
        command = f"test ! -f {self.archive}/%f && cp %p {self.archive}/%f"
        self.configure(dsn, archive_mode="on", archive_command=command)

    @staticmethod
    def configure(dsn: str, **settings: str) -> None:
        """ALTER SYSTEM, and reload."""
        with psycopg.connect(dsn, autocommit=True) as connection:
            for name, value in settings.items():
                connection.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), value))
            connection.execute("SELECT pg_reload_conf()")

    def base_backup(self, dsn: str, name: str, *options: str) -> Path:
        """`pg_basebackup` into the folder of a server that is to be; its cluster."""
        self._folder(name)
        cluster = self.root / name / "cluster"
        self.run("pg_basebackup", "-d", dsn, "-D", str(cluster), "--checkpoint=fast", *options)
        password = self.root / name / "password"
        password.write_text(str(psycopg.conninfo.conninfo_to_dict(dsn)["password"]))
        password.chmod(0o600)
        return cluster

    def recover(self, cluster: Path, until: str) -> None:
        """Have a base backup recover from the archive, up to a time."""
        lines = (
            f"restore_command = 'cp {self.archive}/%f %p'",
            f"recovery_target_time = '{until}'",
            "recovery_target_action = 'promote'",
        )
        with (cluster / "postgresql.auto.conf").open("a") as file:
            file.write("\n".join(("", *lines, "")))
        signal_file = cluster / "recovery.signal"
        signal_file.touch()
        if self._user:
            os.chown(signal_file, *self._user)

    def run(self, program: str, *words: str) -> str:
        """What one of PostgreSQL's programs prints; fails if it complains."""
        uid, gid = self._user or (None, None)
        done = subprocess.run(
            [str(self._programs / program), *words],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd="/",
            user=uid,
            group=gid,
            env={"PATH": os.environ["PATH"], "HOME": str(self.root), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"
        return done.stdout

    def _own(self, folder: Path) -> None:
        folder.mkdir(mode=0o711)
        folder.chmod(0o711)
        if self._user:
            os.chown(folder, *self._user)

    async def stop(self, name: str) -> None:
        """Stop a server."""
        for server in self._servers:
            if server.data_dir == self.root / name:
                await server.stop()

    async def close(self) -> None:
        """Stop every server, and leave nothing."""
        for server in self._servers:
            await server.stop()
        shutil.rmtree(self.root)


def until_promoted(dsn: str) -> None:
    """Wait until recovery has ended and the server takes writes."""

    def promoted() -> bool:
        try:
            with psycopg.connect(dsn, connect_timeout=5) as connection:
                row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
        except psycopg.OperationalError:
            return False
        return row == (False,)

    eventually(promoted, "the end of recovery")


def kill(server: EmbeddedPostgres) -> None:
    """`kill -9` of the postmaster."""
    os.kill(int((server.data_dir / "cluster" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
