"""What servers of our own have in common: one data folder held by one process, a kept port, a leftover of a lost parent ended first, and a child process.

Either `start` and `stop` one, or let a supervisor run it: `prepare`, then `child()` as often as needed, then `release`.
"""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from pathlib import Path

from aetherius.runtime.child import Child, ChildSpec, until_ended
from aetherius.runtime.data_folder import FolderLock, command_line
from aetherius.runtime.ports import kept_port


class EmbeddedServer(ABC):
    """One server on one data folder.

    Raises, from `prepare` and `start` (both safe to repeat): FolderInUseError, FolderUnreachableError, PortTakenError, ProgramMissingError, ChildFailedError.
    """

    def __init__(self, data_dir: Path, name: str, port: int = 0) -> None:
        """`port`: the wanted one; 0: that of the last time if it is free, else any."""
        self.data_dir = data_dir.absolute()
        self.log_file = self.data_dir / f"{name}.log"
        self._wanted_port = port
        self._lock = FolderLock(self.data_dir)
        self._child: Child | None = None

    async def start(self) -> str:
        """Start the server, wait until it answers, and return where it is, with the password of who may do everything: never log it."""
        await self.prepare()
        self._child = Child(self.child())
        try:
            await self._child.until_ready()
        except BaseException:
            await self.stop()
            raise
        return self._location()

    async def stop(self) -> None:
        """Stop the server and free the folder; safe to repeat."""
        if self._child is not None:
            await self._child.stop()
            self._child = None
        self.release()

    async def prepare(self) -> None:
        """Take the folder, make in it what is missing, end a leftover, and choose the port."""
        self._lock.acquire()
        try:
            await self._furnish()
            await self._end_leftover()
            kept_port(self.data_dir / "port", self._wanted_port)
            self._configure()
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Free the folder, once the server is stopped."""
        self._lock.release()

    @abstractmethod
    def child(self) -> ChildSpec:
        """How to run the server, after `prepare`."""

    @abstractmethod
    def _location(self) -> str:
        """Its address with the password."""

    @abstractmethod
    async def _furnish(self) -> None:
        """Make in the folder what must be there before a leftover is looked for."""

    @abstractmethod
    def _configure(self) -> None:
        """Write what needs the port."""

    @property
    def _port(self) -> int:
        """Known after the first `prepare`, also to other processes."""
        return int((self.data_dir / "port").read_text())

    def _pid_of(self, pid_file: Path, mark: Path) -> int | None:
        """The process that a file names, if it lives and its command line holds `mark`; a stranger got the number of one that is gone."""
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None
        return pid if str(mark) in command_line(pid) else None

    @abstractmethod
    async def _end_leftover(self) -> None:
        """End a server that outlived its parent: we hold the folder, so nobody else wants it."""

    async def _end(self, pid: int | None, signal: int, within: float) -> None:
        """End a process, if there is one; ``TimeoutError`` after `within` seconds."""
        if pid is not None:
            os.kill(pid, signal)
            async with asyncio.timeout(within):
                await until_ended(pid)
