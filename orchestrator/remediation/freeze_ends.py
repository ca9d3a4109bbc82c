"""Freezes that end by themselves: where one had marks of ours stay on a cluster, its end is written to the log, so that they come off.

Any other freeze that is over needs no word: nothing waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Final, NoReturn

from aetherius.domain.cluster import Cluster
from aetherius.domain.freeze import Freeze, freeze_stream, scopes_around
from aetherius.domain.identity import cluster_stream
from aetherius.event_store.change import change
from aetherius.event_store.errors import StreamNotFoundError
from aetherius.event_store.ports import Saves
from aetherius.orchestrator.context import Context
from aetherius.orchestrator.statements import statement
from aetherius.runtime.clock import utc_now
from aetherius.runtime.steady import steadily

ACTOR: Final = "system:freezes"
LOOK: Final = 10.0
"""Seconds between two looks for marks that a freeze has stay: one small table is read."""


async def keep_ending(context: Context) -> NoReturn:
    """End what is over, for ever."""

    async def look() -> None:
        await asyncio.sleep(LOOK)
        held = await context.blocking(context.rows.select, statement("select_held_clean_ups"))
        for cluster_id, namespace in held:
            await context.blocking(end_freezes, context.log, cluster_id, namespace, utc_now())

    await steadily("ends of freezes", look)


def end_freezes(log: Saves, cluster_id: str, namespace: str, now: datetime) -> int:
    """Lift the freezes around a namespace whose time is over; how many there were."""
    over = [each for each in _around(log, cluster_id, namespace) if _is_over(each, now)]
    for freeze in over:
        change(log, Freeze, freeze.id, ACTOR, lambda each: _end(each, now))
    return len(over)


def _around(log: Saves, cluster_id: str, namespace: str) -> Iterable[Freeze]:
    try:
        environment = log.load(Cluster, cluster_stream(cluster_id)).environment
    except StreamNotFoundError:
        environment = ""
    for scope in scopes_around(cluster_id, namespace, environment):
        history = log.stream(freeze_stream(scope))
        if history:
            yield Freeze.replay(freeze_stream(scope), [each.event for each in history])


def _is_over(freeze: Freeze, now: datetime) -> bool:
    return freeze.present is not None and not freeze.holds(now)


def _end(freeze: Freeze, now: datetime) -> None:
    if freeze.present is not None and freeze.present.until is not None and _is_over(freeze, now):
        freeze.lift(ACTOR, f"its time was over at {freeze.present.until:%F %T} UTC", now)
