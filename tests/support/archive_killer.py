"""Kills whoever changes the archive, with signal 9, just before or just after a step. `Killer` runs this file as a process that forks one victim for each order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from aetherius.event_store.archive import restoring
from aetherius.event_store.archive.archiver import Archiver
from aetherius.event_store.archive.place import Place
from aetherius.runtime.parent_death import guarded
from archive_site import NOW

Work = Literal["archive", "restore", "release"]


class Moment(msgspec.Struct, frozen=True):
    """When the victim dies: at the `call`-th call of a step."""

    work: Work
    step: str
    call: int
    after: bool

    def __str__(self) -> str:
        return f"{self.work}: {'after' if self.after else 'before'} {self.step} {self.call}"


class Killer:
    """A process that does some work on the archive in processes of its own, which do not live to end it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Killer]:
        """Start it; nothing is left afterwards."""
        argv = guarded([os.path.abspath(sys.executable), str(Path(__file__))], signal.SIGKILL)
        pipe = subprocess.PIPE
        with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True) as process:
            yield cls(process)
            assert process.stdin
            process.stdin.close()

    def kill_at(self, moment: Moment, dsn: str, url: str, name: str = "") -> None:
        """Do the work up to that moment. `name`: of the partition that is restored or released."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([msgspec.structs.astuple(moment), dsn, url, name]) + "\n")
        self._process.stdin.flush()
        ended = self._process.stdout.readline().strip()
        assert ended == str(-signal.SIGKILL), f"{moment}: it was not killed, but ended with {ended}"


_OWNERS: Final[dict[Work, Any]] = {"archive": Archiver, "restore": restoring, "release": restoring}


def _arm(moment: Moment) -> None:
    owner = Place if moment.step == "put" else _OWNERS[moment.work]
    step: Callable[..., Any] = getattr(owner, moment.step)
    calls = 0

    def deadly(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == moment.call and not moment.after:
            os.kill(os.getpid(), signal.SIGKILL)
        done = step(*args)
        if calls == moment.call:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    setattr(owner, moment.step, deadly)


def _work(work: Work, dsn: str, url: str, name: str) -> None:
    if work == "archive":
        with Archiver(dsn, url) as archiver:
            archiver.run(185, NOW, accepted_days=14)
    elif work == "restore":
        restoring.restore(dsn, name)
    else:
        restoring.release(dsn, name)


def _serve() -> None:
    for line in sys.stdin:
        moment, dsn, url, name = json.loads(line)
        if victim := os.fork():
            print(os.waitstatus_to_exitcode(os.waitpid(victim, 0)[1]), flush=True)
            continue
        _arm(Moment(*moment))
        _work(moment[0], dsn, url, name)
        os._exit(0)


if __name__ == "__main__":
    _serve()
