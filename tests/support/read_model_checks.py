"""What must hold of the read models of any history: the same from zero as live, and as of any position what a replay says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import psycopg
from psycopg.rows import TupleRow

from aetherius.domain.event import Recorded
from aetherius.event_store.log import Log
from aetherius.event_store.subscription import LogSignal
from aetherius.projections.models import MODELS, model_named
from aetherius.projections.postgres_queries import PostgresReadModels
from aetherius.projections.queries import MAX_PAGE
from aetherius.projections.read_model import Filter
from aetherius.projections.rebuild import rebuild
from aetherius.projections.versioned_rows import VersionedRows
from aetherius.readers.projecting import Projecting
from aetherius.readers.runner import Runner
from replay_oracle import KINDS, LISTS, Lists, lists_over_time, of_row

Rows = dict[str, list[TupleRow]]
EVERY = 40
"""Decisions between two looks at all seven lists; at each of the others only the list that it changed is looked at."""


def all_rows(dsn: str) -> Rows:
    """Every row of every read model, old versions too."""
    with psycopg.connect(dsn) as connection:
        return {
            name: connection.execute(f"SELECT t::text FROM read_models.{name} AS t ORDER BY valid_from, id").fetchall()
            for name in LISTS
        }


async def live_and_rebuilt(dsn: str) -> tuple[Rows, Rows]:
    """All rows as a running service has made them, and as they are built from the first event again. Tried again while the log still grows."""
    with Log(dsn, pool_size=2) as log:
        async with PostgresReadModels(dsn, log, patience=20.0) as models:
            while True:
                head = await asyncio.to_thread(log.head)
                await _caught_up(models, head)
                live = await asyncio.to_thread(all_rows, dsn)
                await asyncio.to_thread(rebuild, dsn, *LISTS)
                rebuilt = await asyncio.to_thread(all_rows, dsn)
                if await asyncio.to_thread(log.head) == head:
                    return live, rebuilt


async def _caught_up(models: PostgresReadModels, head: int) -> None:
    for model in MODELS:
        await models.page(model, Filter(), first=1, as_of=head)


async def compare_with_a_replay(dsn: str, history: Sequence[Recorded]) -> int:
    """Ask for lists as of every decision, and compare them with a replay; how many lists that were."""
    compared = 0
    with Log(dsn, pool_size=2) as log:
        async with PostgresReadModels(dsn, log, patience=20.0) as models:
            for position, lists in lists_over_time(history, wanted=_is_decision, newest=MAX_PAGE):
                names = LISTS if position % EVERY == 0 else _changed(history[position - 1]) if position else ()
                for name in names:
                    await _compare(models, name, position, lists)
                    compared += 1
    return compared


async def _compare(models: PostgresReadModels, name: str, position: int, lists: Lists) -> None:
    expected = lists[name]
    page = await models.page(model_named(name), Filter(), first=MAX_PAGE, as_of=position)
    shown = [of_row(found.row, like) for found, like in zip(page.found, expected, strict=True)]
    differing = [pair for pair in zip(shown, expected, strict=True) if pair[0] != pair[1]]
    assert differing == [], (name, position)


def _is_decision(recorded: Recorded) -> bool:
    return not recorded.event.topic.startswith("ClusterEvent.")


def _changed(recorded: Recorded) -> tuple[str, ...]:
    kind = recorded.event.topic.partition(".")[0]
    return (KINDS[kind][0],) if kind in KINDS else ("incidents",) if kind == "Strategy" else ()


def follow(log: Log, dsn: str) -> None:
    """Bring every read model to the end of the log."""
    for model in MODELS:
        runner = Runner(log, Projecting(VersionedRows(model)), LogSignal(dsn))
        while runner.step() is not None:
            pass
