"""The supervisor, on real processes: nothing is left behind, crashes are mended, stopping has a deadline."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from aetherius.runtime.child import ChildSpec, until_ended
from aetherius.runtime.embedded_postgres import EmbeddedPostgres
from aetherius.runtime.errors import ChildFailedError, FolderInUseError, ProgramMissingError
from aetherius.runtime.supervisor import Phase, RestartPolicy, Supervisor

pytestmark = pytest.mark.anyio

QUICK = RestartPolicy(first_delay=0.01, longest_delay=0.05, give_up_after=3)


def python(name: str, code: str, **more: object) -> ChildSpec:
    return ChildSpec(name=name, argv=(sys.executable, "-c", code), **more)  # type: ignore[arg-type]


SLEEP = "import time; time.sleep(600)"
READY = "import os, sys, time; os.write(int(sys.argv[sys.argv.index('--ready-fd') + 1]), b'READY\\n'); time.sleep(600)"


@contextmanager
def supervised(folder: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, int]]]:
    """A supervisor in a process of its own, with PostgreSQL, NATS and a child that ignores SIGTERM; and their pids."""
    program = [sys.executable, str(Path(__file__).with_name("supervised.py")), str(folder)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


async def keep_up(supervisor: Supervisor, *specs: ChildSpec) -> None:
    """Supervise for ever."""
    async with supervisor:
        await supervisor.start(*specs)
        await asyncio.Event().wait()


def descendants(pid: int) -> set[int]:
    """Every living process below this one."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            parents.setdefault(int(stat[1]), []).append(int(entry.name))
    found, left = set[int](), [pid]
    while left:
        children = parents.get(left.pop(), [])
        found.update(children)
        left += children
    return found


def is_alive(pid: int) -> bool:
    return bool(stat := _stat(pid)) and stat[0] not in "ZX"


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


async def all_ended(pids: set[int], within: float) -> bool:
    try:
        async with asyncio.timeout(within):
            await asyncio.gather(*(until_ended(pid) for pid in pids if is_alive(pid)))
    except TimeoutError:
        return False
    return True


async def test_kill_9_of_the_supervisor_leaves_no_process_and_the_servers_start_again(open_folder: Path) -> None:
    folder = open_folder / "kill-9"
    with supervised(folder) as (supervisor, pids):
        below = descendants(supervisor.pid)
        assert set(pids.values()) < below, "PostgreSQL has children of its own"
        os.kill(supervisor.pid, signal.SIGKILL)
        assert await all_ended(below, within=60)
    with supervised(folder) as (supervisor, pids):
        assert all(is_alive(pid) for pid in pids.values())
        supervisor.terminate()
        assert supervisor.wait(60) == 0


async def test_sigterm_stops_everything_within_the_deadline_also_a_child_that_ignores_it(open_folder: Path) -> None:
    with supervised(open_folder / "stopped") as (supervisor, _):
        below = descendants(supervisor.pid)
        supervisor.terminate()
        assert supervisor.wait(60) == 0, "its deadline is 3 s; the child would go on for ten minutes"
        assert not any(is_alive(pid) for pid in below)


async def test_two_supervisors_cannot_share_a_folder(tmp_path: Path) -> None:
    async with Supervisor(tmp_path):
        with pytest.raises(FolderInUseError, match=f"in use by process {os.getpid()} .*pytest"):
            async with Supervisor(tmp_path):
                pass
    async with Supervisor(tmp_path):
        pass


async def test_a_crashed_child_is_started_again(tmp_path: Path) -> None:
    phases: asyncio.Queue[tuple[str, Phase]] = asyncio.Queue(100)
    async with Supervisor(tmp_path, restarts=QUICK, on_change=lambda *change: phases.put_nowait(change)) as supervisor:
        await supervisor.start(python("child", READY, ready_by_fd=True))
        first = supervisor.pid("child")
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(120):
            seen = [(await phases.get())[1] for _ in range(5)]
        assert seen == [Phase.STARTING, Phase.READY, Phase.CRASHED, Phase.STARTING, Phase.READY]
        assert supervisor.pid("child") != first
    assert phases.get_nowait() == ("child", Phase.STOPPED)


async def test_postgresql_killed_by_kill_9_is_started_again_with_its_data(open_folder: Path) -> None:
    phases: asyncio.Queue[Phase] = asyncio.Queue(100)
    folder = open_folder / "postgres-killed"
    postgres = EmbeddedPostgres(folder / "postgres")
    async with Supervisor(folder, on_change=lambda _, phase: phases.put_nowait(phase)) as supervisor:
        await postgres.prepare()
        await supervisor.start(postgres.child())
        async with await psycopg.AsyncConnection.connect(postgres.dsn, autocommit=True) as connection:
            await connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
        os.kill(supervisor.pid("postgres"), signal.SIGKILL)
        async with asyncio.timeout(120):
            while await phases.get() is not Phase.CRASHED:
                pass
            while await phases.get() is not Phase.READY:
                pass
        async with await psycopg.AsyncConnection.connect(postgres.dsn) as connection:
            assert await (await connection.execute("SELECT n FROM kept")).fetchone() == (42,)


async def test_a_child_that_never_comes_back_ends_the_whole_naming_it_and_its_last_words(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, restarts=QUICK)
    with pytest.raises(ChildFailedError, match=r"(?s)hopeless ended 3 times in a row.*last words"):
        await keep_up(supervisor, python("bystander", SLEEP), python("hopeless", "import sys; sys.exit('last words')"))
    assert not is_alive(supervisor.pid("bystander"))


async def test_a_child_that_ends_before_it_is_ready_is_an_error_with_its_output(tmp_path: Path) -> None:
    with pytest.raises(ChildFailedError, match=r"(?s)early ended with 3.*no such luck"):
        async with Supervisor(tmp_path) as supervisor:
            await supervisor.start(python("early", "import sys; print('no such luck'); sys.exit(3)", ready_by_fd=True))


async def test_a_child_that_is_never_ready_is_an_error_and_stopped(tmp_path: Path) -> None:
    with pytest.raises(ChildFailedError, match=r"slow was not ready within 0.2 s"):
        async with Supervisor(tmp_path) as supervisor:
            await supervisor.start(python("slow", SLEEP, ready_by_fd=True, ready_within=0.2))
    assert not is_alive(supervisor.pid("slow"))


async def test_tiers_stop_in_reverse_order(tmp_path: Path) -> None:
    stopped: list[str] = []

    def note(name: str, phase: Phase) -> None:
        if phase is Phase.STOPPED:
            stopped.append(name)

    async with Supervisor(tmp_path, on_change=note) as supervisor:
        for name in ("first", "second", "third"):
            await supervisor.start(python(name, SLEEP))
    assert stopped == ["third", "second", "first"]


async def test_output_goes_to_a_file_of_the_childs_own(tmp_path: Path) -> None:
    talk = READY.replace("time.sleep", "print('hello', flush=True); time.sleep").replace(
        "os.write", "print('hello', flush=True); os.write"
    )
    async with Supervisor(tmp_path) as supervisor:
        await supervisor.start(python("talker", talk, ready_by_fd=True))
        assert "hello" in supervisor.log_file("talker").read_text()


async def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProgramMissingError, match="/nowhere/program is not installed"):
        async with Supervisor(tmp_path) as supervisor:
            await supervisor.start(ChildSpec(name="nothing", argv=("/nowhere/program",)))
