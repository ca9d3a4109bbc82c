"""Documents that the index refused for themselves, kept with the reason until they are tried again: `read_models.search_parked`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from psycopg import Cursor

from aetherius.projections.errors import ReadModelUnavailableError
from aetherius.projections.search.index import Rejected
from aetherius.projections.search.metrics import PARKED, REJECTED
from aetherius.projections.tables import general


class Parked(msgspec.Struct, frozen=True):
    """One of them. `position`: of the event that made it so."""

    document_id: str
    position: int
    kind: str
    reason: str
    parked_at: datetime


def park(rejected: Sequence[Rejected], rows: Cursor[Any]) -> None:
    """Keep them, in the transaction that moves the checkpoint."""
    if not rejected:
        return
    REJECTED.inc(len(rejected))
    rows.execute(general("search_parked_add"), columns_of(rejected))
    note_parked(rows)


def columns_of(rejected: Sequence[Rejected]) -> tuple[list[Any], ...]:
    """As the statement that keeps them takes them."""
    return (
        [each.document.id for each in rejected],
        [each.document.position for each in rejected],
        [each.document.kind.value for each in rejected],
        [each.reason.replace("\0", "\ufffd") for each in rejected],
    )


def note_parked(rows: Cursor[Any]) -> None:
    """Tell Prometheus how many there are."""
    found = rows.execute(general("search_parked_count")).fetchone()
    PARKED.set(found[0] if found else 0)


def parked(dsn: str) -> list[Parked]:
    """All of them, by position. Raises ``ReadModelUnavailableError``."""
    try:
        with psycopg.connect(dsn, connect_timeout=10) as connection:
            rows = connection.execute(general("search_parked_list")).fetchall()
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable) as exc:
        raise ReadModelUnavailableError(f"cannot list parked documents: {exc}") from exc
    return [Parked(*row) for row in rows]


def unpark(dsn: str, document: Parked) -> None:
    """It is stored now, or a later one of its id is."""
    with psycopg.connect(dsn, autocommit=True, connect_timeout=10) as connection:
        connection.execute(general("search_parked_remove"), (document.document_id, document.position))
