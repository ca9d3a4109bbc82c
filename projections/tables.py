"""The SQL on read models: the statements of `sql/`, with names filled in from a model's declaration."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from psycopg.sql import SQL, Composable, Composed, Identifier

from aetherius.event_store.tables import LOG
from aetherius.projections.read_model import ReadModel

SCHEMA = "read_models"
MIGRATION_LOCK = 0x6165746865727270
"""Advisory lock of whoever makes tables."""
_SQL = Path(__file__).with_name("sql")


def table(model: ReadModel[Any]) -> Identifier:
    """The table of a model."""
    return Identifier(SCHEMA, model.name)


def statement(name: str, model: ReadModel[Any], **parts: Composable) -> Composed:
    """The statement of file `sql/<name>.sql` on a model's table; `parts` fill what is left open."""
    return text(name).format(
        schema=Identifier(SCHEMA),
        table=table(model),
        names=SQL(", ").join(map(Identifier, model.columns)),
        checkpoints=Identifier(LOG.schema, LOG.checkpoints),
        **parts,
    )


def general(name: str) -> Composed:
    """The statement of file `sql/<name>.sql`, which is on no model's table."""
    return text(name).format(
        schema=Identifier(SCHEMA),
        checkpoints=Identifier(LOG.schema, LOG.checkpoints),
        ledger=Identifier(LOG.schema, "ledger"),
    )


def creation(model: ReadModel[Any]) -> list[Composed]:
    """The statements that make a model's table and indexes, in order. All may be repeated."""
    columns = [
        SQL("{} {}").format(Identifier(name), SQL(column.type))  # types come from our own declarations
        for name, column in model.columns.items()
    ]
    indexed = [name for name, column in model.columns.items() if column.indexed]
    made = [
        statement("schema", model),
        statement("table", model, columns=SQL(", ").join(columns)),
        statement("current_row_index", model, current_row=Identifier(f"{model.name}_current_row")),
        *(_index("current_index", model, column) for column in ("", *indexed)),
    ]
    if not model.immutable:
        made += [_index("history_index", model, column) for column in ("", *indexed)]
    return made


def _index(kind: str, model: ReadModel[Any], column: str) -> Composed:
    name = "_".join(filter(None, (model.name, column, kind.removesuffix("_index"))))
    leading = SQL("{}, ").format(Identifier(column)) if column else SQL("")
    return statement(kind, model, index=Identifier(name), leading=leading)


@cache
def text(name: str) -> SQL:
    """The text of a statement, from our own files."""
    return SQL((_SQL / f"{name}.sql").read_text(encoding="utf-8").strip())
