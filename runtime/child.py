"""A child process: how it is started, known to be ready, and stopped. Every child dies with us (`parent_death`).

Children get a session of their own: Ctrl-C in the terminal reaches only us, and we stop them in order. They belong to no event loop, so that one loop
may start a child and another stop it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import IO

import msgspec

from aetherius.runtime.errors import ChildFailedError, ProgramMissingError
from aetherius.runtime.parent_death import guarded


class ChildSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What to run and how to treat it. Times are seconds."""

    name: str
    argv: tuple[str, ...]
    """The program by its full path, and its arguments. Never put a secret here: every user can read it."""
    env: Mapping[str, str] | None = None
    """The whole environment; None: ours."""
    cwd: Path | None = None
    user: tuple[int, int] | None = None
    """User and group id to run as; only root can choose."""
    ready: Callable[[], Awaitable[bool]] | None = None
    """Asked again and again until it says True. None: ready once started, unless `ready_by_fd`."""
    ready_by_fd: bool = False
    """The child gets `--ready-fd N` and writes the line READY to it when it serves."""
    ready_within: float = 30.0
    stop_signal: int = signal.SIGTERM
    stop_within: float = 8.0
    """How long to wait after `stop_signal` before SIGKILL. Below the supervisor's own deadline."""
    death_signal: int = signal.SIGKILL
    """What the kernel sends when we die: the one signal that no child can miss, unless its own children need more."""
    log_file: Path | None = None
    """Takes its output, appended; None: ours."""


class Child:
    """One started process."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self._ready_pipe: int | None = None
        self._process = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("start children from the main thread: they die with the thread that started them")
        argv = list(self.spec.argv)
        inherited: tuple[int, ...] = ()
        if not os.access(argv[0], os.X_OK):
            raise ProgramMissingError(argv[0], self.spec.name)
        if self.spec.ready_by_fd:
            self._ready_pipe, write_end = os.pipe()
            argv += ["--ready-fd", str(write_end)]
            inherited = (write_end,)
        output = self._open_log()
        try:
            return self._popen(argv, inherited, output)
        finally:
            for fd in inherited:
                os.close(fd)
            if output is not None:
                output.close()

    def _popen(self, argv: list[str], inherited: tuple[int, ...], output: IO[bytes] | None) -> subprocess.Popen[bytes]:
        uid, gid = self.spec.user or (None, None)
        return subprocess.Popen(  # noqa: S603  # argv comes from our own code, no shell
            guarded(argv, self.spec.death_signal, uid, gid),
            env=None if self.spec.env is None else dict(self.spec.env),
            cwd=self.spec.cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            pass_fds=inherited,
            start_new_session=True,
        )

    def _open_log(self) -> IO[bytes] | None:
        if self.spec.log_file is None:
            return None
        fd = os.open(self.spec.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(fd, "ab")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit code, negative for a signal; None while it lives."""
        return self._process.poll()

    async def wait(self) -> int:
        """Return the exit code once the process has ended."""
        await until_ended(self.pid)
        return self._process.wait()

    async def until_ready(self) -> None:
        """Return once the child serves.

        Raises:
            ChildFailedError: it ended before, or did not become ready in time. It may still live: stop it.
        """
        try:
            async with asyncio.timeout(self.spec.ready_within):
                while not await self._is_ready():
                    if (code := self.returncode) is not None:
                        raise ChildFailedError(
                            self.spec.name, f"ended with {code} before it was ready", self.spec.log_file
                        )
                    await asyncio.sleep(0.02)
        except TimeoutError:
            reason = f"was not ready within {self.spec.ready_within:g} s"
            raise ChildFailedError(self.spec.name, reason, self.spec.log_file) from None
        finally:
            self._close_pipe()

    async def _is_ready(self) -> bool:
        if self._ready_pipe is not None:
            os.set_blocking(self._ready_pipe, False)
            try:
                return b"READY" in os.read(self._ready_pipe, 64)
            except BlockingIOError:
                return False
        return await self.spec.ready() if self.spec.ready else True

    async def stop(self, within: float | None = None) -> int:
        """End the process: its stop signal, then SIGKILL after `within` seconds (None: `stop_within`). Returns the exit code; safe to repeat."""
        if self.returncode is None:
            self._process.send_signal(self.spec.stop_signal)
        try:
            async with asyncio.timeout(self.spec.stop_within if within is None else within):
                return await self.wait()
        except TimeoutError:
            self._process.kill()
            return await self.wait()
        finally:
            self._close_pipe()

    def kill(self) -> None:
        """SIGKILL, without waiting."""
        self._process.kill()

    def _close_pipe(self) -> None:
        if self._ready_pipe is not None:
            os.close(self._ready_pipe)
            self._ready_pipe = None


async def until_ended(pid: int) -> None:
    """Return once the process, a child or not, has ended. The pid must not have been reused meanwhile."""
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_reader(watch, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(watch)
        os.close(watch)
