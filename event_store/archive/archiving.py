"""Archiving: the leader moves observations that are old enough out of the database, on a schedule.

A round that fails is counted and told, and tried again at the next one; nothing else waits for it, and nothing is lost by it (`event_store/archive/archiver.py`).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final, NoReturn

import anyio.to_thread
from prometheus_client import Counter, Gauge

from aetherius.domain.errors import AetheriusError
from aetherius.event_store.archive.archiver import Archiver
from aetherius.runtime.steady import end_if_cancelled

logger = logging.getLogger(__name__)

_DAY: Final = 86400.0
FAILURES: Final = Counter("aetherius_archive_failures", "Rounds of the archiver that failed; the next one tries again")
DONE_AT: Final = Gauge(
    "aetherius_archive_last_success_timestamp_seconds", "When a round of the archiver last succeeded"
)


class Archiving:
    """Rounds of the archiver."""

    def __init__(
        self,
        dsn: str,
        place: str,
        *,
        retain_days: int,
        accept_age: float,
        interval: float,
        now: Callable[[], datetime],
    ) -> None:
        """
        Args:
            place: URL of where the objects lie.
            retain_days: days that observations stay in the database.
            accept_age: seconds; older observations are not accepted, so what is older can be closed.
            interval: seconds between two rounds.
        """
        self._dsn, self._place, self._now = dsn, place, now
        self._retain_days, self._accept_age, self._interval = retain_days, accept_age, interval

    async def run(self) -> NoReturn:
        """For ever."""
        while True:
            await self.round()
            end_if_cancelled()
            await asyncio.sleep(self._interval)

    async def round(self) -> None:
        """Archive what is due. Never raises what the world refuses: it is counted and told. Cancelled, it stops between two events."""
        stopped = threading.Event()
        try:
            await anyio.to_thread.run_sync(self._archive, stopped, abandon_on_cancel=True)
        except AetheriusError as exc:
            FAILURES.inc()
            logger.error("nothing more is archived in this round: %s", exc)
        else:
            DONE_AT.set_to_current_time()
        finally:
            stopped.set()

    def _archive(self, stopped: threading.Event) -> None:
        with Archiver(self._dsn, self._place, stopped=stopped.is_set) as archiver:
            archiver.run(self._retain_days, self._now(), accepted_days=self._accept_age / _DAY)
