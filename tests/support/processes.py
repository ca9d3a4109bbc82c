"""Processes as a user starts them, and what the kernel says of processes: for tests that kill them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from aetherius.runtime.parent_death import guarded

T = TypeVar("T")


def eventually(probe: Callable[[], T], what: str, within: float = 120.0, every: float = 0.02) -> T:
    """What the probe returns once that is true; fails, saying what was waited for, after `within` seconds."""
    end = time.monotonic() + within
    while not (found := probe()):
        assert time.monotonic() < end, f"not within {within:g} s: {what}"
        time.sleep(every)
    return found


class Started:
    """One `aetherius ...` process. It dies with the test run."""

    def __init__(
        self,
        words: tuple[str, ...],
        output: Path,
        environment: Mapping[str, str] | None = None,
        module: str = "aetherius.cli.main",
    ) -> None:
        self.output = output
        argv = [os.path.abspath(sys.executable), "-m", module, *words]
        with output.open("ab") as file:
            self._begin = file.tell()
            self._process = subprocess.Popen(
                guarded(argv, signal.SIGKILL),
                env={**os.environ, **(environment or {}), "COLUMNS": "300"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def said(self) -> str:
        """Its output so far."""
        return self.output.read_bytes()[self._begin :].decode(errors="replace")

    def until_it_says(self, words: str, within: float = 120.0) -> None:
        """Wait for words in its output; fails at once when it ends before."""

        def probe() -> bool:
            if words in self.said():
                return True
            assert self.alive, f"it ended before it said {words!r}:\n{self.said()}"
            return False

        eventually(probe, f"the words {words!r} in {self.output}", within)

    def kill(self) -> None:
        """`kill -9`; returns when it is gone."""
        self._process.kill()
        self._process.wait(10)

    def interrupt(self) -> None:
        """Ctrl-C; returns at once."""
        self._process.send_signal(signal.SIGINT)

    def interrupt_until_it_ends(self, within: float) -> None:
        """Ctrl-C, and again each three seconds, as a person does: an interpreter that is only starting can miss one."""
        end = time.monotonic() + within
        while self.alive and time.monotonic() < end:
            self.interrupt()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(3)
        self._process.wait(0)

    def exit_code(self, within: float) -> int:
        """How it ended; fails if it does not within so many seconds."""
        return self._process.wait(within)

    def stop(self) -> None:
        """Ctrl-C and the end of it."""
        if self.alive:
            self.interrupt()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()
                raise


class Found:
    """A process that somebody else started."""

    def __init__(self, folder: Path) -> None:
        self.pid = int(folder.name)
        self._folder = folder

    @property
    def command(self) -> str:
        return self._text("cmdline")

    @property
    def environment(self) -> str:
        return self._text("environ")

    @property
    def parent(self) -> int:
        fields = self._text("stat").rpartition(")")[2].split()
        return int(fields[1]) if fields else 0

    @property
    def running(self) -> bool:
        """Not a zombie that nobody has waited for yet."""
        fields = self._text("stat").rpartition(")")[2].split()
        return bool(fields) and fields[0] not in "ZX"

    def _text(self, name: str) -> str:
        try:
            return (self._folder / name).read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # gone, or another user's
            return ""


def processes() -> Iterator[Found]:
    """All there are."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            yield Found(folder)


def processes_on(folder: Path) -> list[str]:
    """What runs with a folder in its command line or environment: pid and command of each."""
    name = str(folder)
    return [
        f"{each.pid}: {each.command}"
        for each in processes()
        if (name in each.command or name in each.environment) and each.running and each.pid != os.getpid()
    ]
