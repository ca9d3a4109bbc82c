"""Runs named child processes on one data folder: started tier by tier, restarted when they crash, stopped in reverse, never left behind.

    async with Supervisor(folder) as supervisor:
        await supervisor.start(postgres.child(), nats.child())   # a tier: together, returns when all are ready
        await supervisor.start(*services)                        # the next tier
        await stop.wait()

Leaving the block stops the last tier first. A child that crashes is started again, later and later; one that never comes back ends the block with
an error. Children die with us by the kernel's hand (`parent_death`), so a `kill -9` of this process leaves nothing. Use it in the main thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from aetherius.runtime.child import Child, ChildSpec
from aetherius.runtime.data_folder import FolderLock
from aetherius.runtime.errors import ChildFailedError

logger = logging.getLogger(__name__)

_LOG_BYTES = 16 * 2**20
"""A child's log above this is put aside (one old log is kept) when the child starts."""


class Phase(StrEnum):
    """Where a child is in its life."""

    STARTING = "starting"
    READY = "ready"
    CRASHED = "crashed"
    STOPPED = "stopped"


class RestartPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How a crashed child comes back. Times are seconds."""

    first_delay: float = 0.2
    """Before the first restart; each further one waits twice as long."""
    longest_delay: float = 10.0
    calm_after: float = 30.0
    """A child that lived this long is forgiven its earlier crashes."""
    give_up_after: int = 10
    """Crashes in a row that make the whole fail: with the delays above, about a minute."""

    def delay(self, crashes: int) -> float:
        """How long to wait after the n-th crash in a row, from 1."""
        return float(min(self.longest_delay, self.first_delay * 2 ** (crashes - 1)))


class Supervisor:
    """Owns a data folder and the processes on it."""

    def __init__(
        self,
        data_dir: Path,
        *,
        stop_within: float = 9.0,
        restarts: RestartPolicy | None = None,
        on_change: Callable[[str, Phase], None] | None = None,
    ) -> None:
        """`stop_within`: seconds for all tiers together, then SIGKILL. `on_change` is told each child's phases, for a display."""
        self.data_dir = data_dir
        self._stop_within = stop_within
        self._restarts = restarts or RestartPolicy()
        self._on_change = on_change or (lambda name, phase: None)
        self._lock = FolderLock(data_dir)
        self._tiers: list[list[str]] = []
        self._children: dict[str, Child] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._group = asyncio.TaskGroup()
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Take the folder. Raises ``FolderInUseError``, naming the holder."""
        self._lock.acquire()
        self._exits.callback(self._lock.release)
        (self.data_dir / "logs").mkdir(exist_ok=True)
        await self._exits.enter_async_context(self._group)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Stop all, the last tier first. Raises ``ChildFailedError`` if a child never came back."""
        try:
            await self._stop_all()
        finally:
            await self._leave(kind, error, at)

    async def _leave(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        try:
            await self._exits.__aexit__(kind, error, at)
        except BaseExceptionGroup as group:
            if len(group.exceptions) == 1:  # the usual case: one reason, said plainly
                raise group.exceptions[0] from None
            raise

    async def start(self, *specs: ChildSpec) -> None:
        """Start a tier: all at once; return when all are ready.

        Raises:
            ChildFailedError: one did not become ready. The tier is known by then: leaving the block stops what was started.
        """
        if taken := {spec.name for spec in specs} & self._children.keys():
            raise ValueError(f"children are there already: {sorted(taken)}")
        self._tiers.append([spec.name for spec in specs])
        for spec in specs:
            self._spawn(spec)
        for spec in specs:
            await self._children[spec.name].until_ready()
            self._on_change(spec.name, Phase.READY)
            self._keepers[spec.name] = self._group.create_task(self._keep(spec), name=f"keep {spec.name}")

    def pid(self, name: str) -> int:
        """The process id of a child, as it is now."""
        return self._children[name].pid

    def log_file(self, name: str) -> Path:
        """Where a child's output goes, unless its spec says otherwise."""
        return self.data_dir / "logs" / f"{name}.log"

    def _spawn(self, spec: ChildSpec) -> Child:
        log_file = spec.log_file or self.log_file(spec.name)
        _put_aside(log_file)
        self._on_change(spec.name, Phase.STARTING)
        child = self._children[spec.name] = Child(msgspec.structs.replace(spec, log_file=log_file))
        return child

    async def _keep(self, spec: ChildSpec) -> None:
        """Start a child again whenever it ends."""
        loop = asyncio.get_running_loop()
        crashes, started = 0, loop.time()
        while True:
            code = await self._children[spec.name].wait()
            crashes = 1 if loop.time() - started > self._restarts.calm_after else crashes + 1
            self._on_change(spec.name, Phase.CRASHED)
            logger.warning("%s ended with %d: starting it again", spec.name, code, extra={"crashes": crashes})
            if crashes >= self._restarts.give_up_after:
                log_file = self._children[spec.name].spec.log_file
                raise ChildFailedError(spec.name, f"ended {crashes} times in a row, last with {code}", log_file)
            await asyncio.sleep(self._restarts.delay(crashes))
            started = loop.time()
            await self._restart(spec)

    async def _restart(self, spec: ChildSpec) -> None:
        child = self._spawn(spec)
        try:
            await child.until_ready()
        except ChildFailedError as exc:
            logger.warning("%s", exc)
            child.kill()
        else:
            self._on_change(spec.name, Phase.READY)

    async def _stop_all(self) -> None:
        """Each tier gets what is left of the time, less a second for each tier below it."""
        for keeper in self._keepers.values():
            keeper.cancel()
        deadline = asyncio.get_running_loop().time() + self._stop_within
        for below in reversed(range(len(self._tiers))):
            left = deadline - asyncio.get_running_loop().time() - below
            await asyncio.gather(*(self._stop(name, left) for name in self._tiers[below] if name in self._children))

    async def _stop(self, name: str, left: float) -> None:
        child = self._children[name]
        await child.stop(within=max(0.2, min(left, child.spec.stop_within)))
        self._on_change(name, Phase.STOPPED)


def _put_aside(log_file: Path) -> None:
    if log_file.exists() and log_file.stat().st_size > _LOG_BYTES:
        log_file.replace(log_file.with_name(log_file.name + ".1"))
