"""Every room that has tables, in the order in which they are made; one process makes them, before services start."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aetherius.runtime.migrations.room import Room


def rooms() -> Sequence[Room]:
    """Those of one database. None needs a table of one that comes after it."""
    from aetherius.agent_manager import schema as agent_manager
    from aetherius.event_store import schema as event_store
    from aetherius.orchestrator import schema as orchestrator
    from aetherius.projections import schema as projections
    from aetherius.readers import schema as readers

    return (event_store.ROOM, readers.ROOM, projections.ROOM, orchestrator.ROOM, agent_manager.ROOM)


def create_tables(dsn: str) -> None:
    """Make every table that the services need, if `aetherius migrate` did not. Safe to repeat."""
    from aetherius.runtime.migrations.migrate import migrate

    migrate(dsn, rooms())
