"""A service's first look at its tables: a database that is away is waited for, tables that are missing are told."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from aetherius.runtime.errors import DatabaseUnavailableError
from aetherius.runtime.in_words import in_words
from aetherius.runtime.migrations.applied import require
from aetherius.runtime.migrations.room import Room

logger = logging.getLogger(__name__)

_PAUSES: Final = (0.2, 5.0)
"""Seconds until it is looked again: at first, and at most."""


async def require_once_there(dsn: str, stop: asyncio.Event, *rooms: Room) -> None:
    """As `require`, but wait while PostgreSQL does not answer; return, too, when `stop` is set.

    Raises:
        TablesMissingError: something is missing: `aetherius migrate` makes it.
        MigrationChangedError: a migration was applied with another text.
    """
    pause, longest = _PAUSES
    while not stop.is_set():
        try:
            await asyncio.to_thread(require, dsn, *rooms)
            return
        except DatabaseUnavailableError as exc:
            logger.warning("waits for its tables: %s", in_words(exc))
        try:
            async with asyncio.timeout(pause):
                await stop.wait()
        except TimeoutError:
            pause = min(2 * pause, longest)
