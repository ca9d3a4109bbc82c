"""How long the log's users wait for somebody who is gone: for a leader, until another one leads; for a writer in the midst of a COPY, until the log takes events.

Each with a connection that is closed (the process died) and with one that is cut: a proxy that forwards nothing more and closes nothing. Run it by itself:
``python bench/takeover.py``. It takes some minutes, nearly all of them waiting.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from aetherius.event_store import schema
from aetherius.event_store.errors import LogUnavailableError
from aetherius.event_store.log import Log
from aetherius.event_store.upkeep.leadership import Leadership
from aetherius.event_store.writing import appending
from aetherius.runtime.embedded_postgres import EmbeddedPostgres
from black_hole import BlackHole
from event_builders import a_gap, report

ROUNDS: Final = 5
INTERVAL: Final = 1.0
"""The default of `AETHERIUS_LEADER_INTERVAL`."""


async def takeover(dsn: str, gone: Callable[[BlackHole], None]) -> float:
    """Seconds from the moment that a leader is gone until another one leads."""
    leads = [asyncio.Event(), asyncio.Event()]

    def lead(number: int) -> Callable[[], Any]:
        async def leading() -> None:
            leads[number].set()
            await asyncio.Event().wait()

        return leading

    with BlackHole(dsn) as proxy:
        first = asyncio.create_task(Leadership(proxy.dsn, lead(0), INTERVAL).run())
        await leads[0].wait()
        second = asyncio.create_task(Leadership(dsn, lead(1), INTERVAL).run())
        await asyncio.sleep(INTERVAL * 1.3)
        began = time.monotonic()
        gone(proxy)
        await leads[1].wait()
        waited = time.monotonic() - began
        for task in (first, second):
            task.cancel()
        await asyncio.wait({first, second})
    return waited


def appended_after(dsn: str, gone: Callable[[BlackHole], None]) -> float:
    """Seconds until an append is stored, when the writer before it is gone with the log's lock."""
    encoded = appending._encoded

    def vanish(first: int, events: Any, topics: Any) -> Any:
        if first > start:
            gone(proxy)
        return encoded(first, events, topics)

    with BlackHole(dsn) as proxy, Log(proxy.dsn, pool_size=1) as vanishing, Log(dsn) as other:
        other.ingest([report("berlin").stored()])
        start = other.head() + 2
        own = [report("berlin").stored() for _ in range(3 * appending._CHUNK)]
        appending._encoded = vanish  # type: ignore[assignment]
        try:
            with ThreadPoolExecutor(1) as threads:
                lost = threads.submit(vanishing.ingest, own)
                time.sleep(1.0)
                began = time.monotonic()
                while True:
                    try:
                        other.append([a_gap("berlin")])
                        break
                    except LogUnavailableError:
                        continue
                waited = time.monotonic() - began
                proxy.drop()
                lost.exception()
        finally:
            appending._encoded = encoded
    return waited


def main() -> None:
    """Measure, and print."""
    cut, closed = BlackHole.swallow, BlackHole.drop
    with TemporaryDirectory(prefix="aetherius-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        server = EmbeddedPostgres(folder / "postgres")
        dsn = asyncio.run(server.start())
        try:
            schema.create(dsn)
            for what, gone in (("closed", closed), ("cut", cut)):
                told(f"leader {what}", [asyncio.run(takeover(dsn, gone)) for _ in range(ROUNDS)])
            told("writer cut", [appended_after(dsn, cut) for _ in range(ROUNDS)])
        finally:
            asyncio.run(server.stop())


def told(name: str, seconds: list[float]) -> None:
    """Print a line."""
    print(f"{name}: median {statistics.median(seconds):.1f} s, longest {max(seconds):.1f} s", flush=True)


if __name__ == "__main__":
    main()
