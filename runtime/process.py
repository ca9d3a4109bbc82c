"""The life of a service's process: one event loop, signals that ask it to stop, readiness said once, and an exit code that says how it ended."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, NoReturn

from aetherius.domain.errors import InfrastructureError
from aetherius.runtime.errors import ServiceEndedError

logger = logging.getLogger(__name__)

EXIT_OK: Final = 0
"""Asked to stop, and did."""
EXIT_FAULT: Final = 1
"""Ended by an error of its own."""
EXIT_UNAVAILABLE: Final = 75
"""The world said no (a server, a disk, a port): starting again later may help. The value is sysexits' EX_TEMPFAIL."""
EXIT_INTERRUPTED: Final = 130
"""Asked a second time, and left at once."""

_OBJECTS_A_LOOK: Final = 50_000
"""New objects after which the collector looks at the young ones; Python's own 700 suit programs that are small."""
Run = Callable[[asyncio.Event], Awaitable[None]]
"""A service: works until the event is set, then finishes what it took and returns."""


def service_main(run: Run) -> int:
    """Run a service until SIGTERM or SIGINT and return the exit code for `sys.exit`. A second signal leaves at once.

    A service that returns before it was asked to is a fault, and so is any error: logged, and told by the code.
    """
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_until_stopped(run))
    except BaseExceptionGroup as group:
        return _report(group, unavailable=group.split(InfrastructureError)[1] is None)
    except InfrastructureError as exc:
        return _report(exc, unavailable=True)
    except Exception as exc:  # noqa: BLE001  # the process's edge: log and exit
        return _report(exc, unavailable=False)
    return EXIT_OK


def spare_the_collector() -> None:
    """Have the garbage collector look less often, and never at what was imported: a service makes thousands of short-lived objects a second, of which hardly
    any is in a cycle. In ingest it took a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_A_LOOK, 20, 20)


async def _until_stopped(run: Run) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _ask_to_stop, stop)
    await run(stop)
    if not stop.is_set():
        raise ServiceEndedError("the service")


def _ask_to_stop(stop: asyncio.Event) -> None:
    if stop.is_set():
        os._exit(EXIT_INTERRUPTED)  # children die with us
    stop.set()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # the edge image does without
        return None
    return uvloop.new_event_loop


def _report(error: BaseException, *, unavailable: bool) -> int:
    logger.critical("the service failed: %s", error, exc_info=error)
    return EXIT_UNAVAILABLE if unavailable else EXIT_FAULT


async def endless(name: str, work: Coroutine[Any, Any, None]) -> NoReturn:
    """Run work that has no end, as a task of a group: should it return all the same, the group fails.

    Raises:
        ServiceEndedError: it returned.
    """
    await work
    raise ServiceEndedError(name)


async def run_until(stop: asyncio.Event, *tasks: tuple[str, Coroutine[Any, Any, None]]) -> None:
    """Run endless tasks, each under its name, until `stop`; then cancel them and return.

    Raises:
        ExceptionGroup: a task failed, or ended (ServiceEndedError); the others were cancelled.
    """
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(endless(name, work), name=name) for name, work in tasks]
        await stop.wait()
        for task in running:
            task.cancel()


async def cancelled_by(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Run work to its end, or until `stop`: then it is cancelled, once and only once, so that its leaving is not cut short."""
    working = asyncio.create_task(work, name="work")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not working.done():
        working.cancel()
    with suppress(asyncio.CancelledError):
        await working


def announce_ready(ready_fd: int | None) -> None:
    """Tell the supervisor that we serve: the line READY on the descriptor it gave (`--ready-fd`). None: nobody asked."""
    if ready_fd is None:
        return
    try:
        os.write(ready_fd, b"READY\n")
    except BrokenPipeError:
        print("nobody waits for readiness any more", file=sys.stderr)
    finally:
        os.close(ready_fd)
