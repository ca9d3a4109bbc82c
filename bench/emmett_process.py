"""Emmett (npm) on the same PostgreSQL, in a Node process of its own, to measure beside. It appends to one stream at a time and moves no checkpoint with it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psycopg
from psycopg.conninfo import conninfo_to_dict

FOLDER = Path(__file__).parent / "peers" / "emmett"
_DATABASE = "emmett"


def missing() -> str:
    """Why it cannot be measured here; empty if it can. Installs it on the first call, as its lock says."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return "node and npm are not installed"
    if not (FOLDER / "node_modules").exists():
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        if subprocess.run(command, cwd=FOLDER, stdout=sys.stderr, check=False).returncode:
            shutil.rmtree(FOLDER / "node_modules", ignore_errors=True)
            return "npm cannot install it"
    return ""


class Emmett:
    """A running process."""

    def __init__(self, told: IO[str], heard: IO[str]) -> None:
        self._told, self._heard = told, heard

    def append(self, size: int) -> Callable[[], float]:
        """The append of events that are made now; it answers with the seconds that it took in there."""
        self._ask(str(size))
        return lambda: float(self._ask("go"))

    def _ask(self, line: str) -> str:
        self._told.write(line + "\n")
        self._told.flush()
        answer = self._heard.readline().strip()
        if not answer:
            raise RuntimeError("Emmett's process has ended")
        return answer


@contextmanager
def started(dsn: str) -> Iterator[Emmett]:
    """The process, on a database of its own on the same server."""
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {_DATABASE}")  # type: ignore[call-overload]  # ours
    place = conninfo_to_dict(dsn)
    url = f"postgresql://{place['user']}:{place['password']}@{place['host']}:{place['port']}/{_DATABASE}"
    command = ["node", "append.mjs", url]
    with subprocess.Popen(command, cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if process.stdout.readline().strip() != "ready":
                raise RuntimeError("Emmett did not start")
            yield Emmett(process.stdin, process.stdout)
        finally:
            process.terminate()
