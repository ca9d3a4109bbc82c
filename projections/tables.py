"""The SQL on read models: the statements of `sql/`, with names filled in from a model's declaration."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from psycopg.sql import SQL, Composable, Composed, Identifier

from aetherius.event_store.tables import LOG
from aetherius.projections.read_model import ReadModel
from aetherius.readers.tables import SCHEMA
from aetherius.runtime.sql_files import sql_file

NEXT = "_next"
"""Ends the names of the tables that a rebuild makes, until they take the place of the ones that serve."""
SCRATCH = "_check"
"""Ends those that `verify` compares with."""
INTERVALS = "_intervals"
"""Ends the name of the table of the intervals during which an observation was the last of its subject."""


def table(model: ReadModel[Any], suffix: str = "") -> Identifier:
    """The table of a model; with a suffix one that is made beside it."""
    return Identifier(SCHEMA, model.name + suffix)


def tables_of(model: ReadModel[Any]) -> list[str]:
    """What is put to its name to have the names of all its tables."""
    return ["", INTERVALS] if model.subject else [""]


def statement(name: str, model: ReadModel[Any], suffix: str = "", **parts: Composable) -> Composed:
    """The statement of file `sql/<name>.sql` on a model's table; `parts` fill what is left open."""
    return text(name).format(
        schema=Identifier(SCHEMA),
        table=table(model, suffix),
        intervals=table(model, suffix + INTERVALS),
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


def creation(model: ReadModel[Any], suffix: str = "") -> list[Composed]:
    """The statements that make a model's tables and indexes, in order. All may be repeated."""
    return [*bare(model, suffix), *indexes(model, suffix)]


def bare(model: ReadModel[Any], suffix: str = "") -> list[Composed]:
    """The statements that make a model's tables, with the indexes only that writing needs."""
    columns = [
        SQL("{} {}").format(Identifier(name), SQL(column.type))  # types come from our own declarations
        for name, column in model.columns.items()
    ]
    made = [statement("table", model, suffix, columns=SQL(", ").join(columns))]
    if not model.immutable:
        made += _row_indexes(model, suffix)
    if model.subject:
        made.append(statement("intervals_table", model, suffix, columns=SQL(", ").join(columns)))
        made.append(_index("intervals_subject_index", model, "", suffix))
    return made


def indexes(model: ReadModel[Any], suffix: str = "") -> list[Composed]:
    """The statements that make the other indexes: those that questions need."""
    indexed = [name for name, column in model.columns.items() if column.indexed]
    made = _row_indexes(model, suffix) if model.immutable else []
    made += [_index("current_index", model, column, suffix) for column in ("", *indexed)]
    if not model.immutable:
        made += [_index("history_index", model, column, suffix) for column in ("", *indexed)]
    if model.subject:
        made += [
            _index(kind, model, "", suffix)
            for kind in ("intervals_open_index", "intervals_level_index", "intervals_known_index")
        ]
    return made


def _row_indexes(model: ReadModel[Any], suffix: str) -> list[Composed]:
    row = statement("row_index", model, suffix, row=Identifier(f"{model.name}{suffix}_row"))
    if model.immutable:
        return [row]
    current = Identifier(f"{model.name}{suffix}_current_row")
    return [row, statement("current_row_index", model, suffix, current_row=current)]


def _index(kind: str, model: ReadModel[Any], column: str, suffix: str) -> Composed:
    name = "_".join(filter(None, (model.name + suffix, column, kind.removesuffix("_index"))))
    leading = SQL("{}, ").format(Identifier(column)) if column else SQL("")
    return statement(kind, model, suffix, index=Identifier(name), leading=leading)


def shape(model: ReadModel[Any]) -> str:
    """Names what a model's rows look like and how they are made: another one means that its tables have to be built again. Kept as the table's comment."""
    statements = [statement.as_string() for statement in creation(model)]
    return sha256("\n".join((*statements, *model.topics, str(model.build))).encode()).hexdigest()[:16]


def text(name: str) -> SQL:
    """The text of a statement, from our own files."""
    return sql_file("aetherius.projections", name)
