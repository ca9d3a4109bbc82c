"""One SQL statement for a query of lists: PostgreSQL prints the whole answer, and nobody reads it again before the client does.

The statement depends on the fields asked for, on which conditions are set, and on the size of the page, not on the conditions' values: those are its
parameters. (With the size as a parameter too PostgreSQL cannot tell that a plan for all values is as good as one for these, and plans anew each time: 0.8 ms against 0.35.) Conditions are those of
`projections/conditions.py`, the same as every other question has.
"""

# ruff: noqa: S608  # what a statement is made of are names of our own, and parameters
from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import FieldNode, GraphQLField, GraphQLObjectType, get_named_type
from psycopg.sql import SQL
from psycopg.types.numeric import Int8

from aetherius.graphql.connection import COUNT_LIMIT
from aetherius.graphql.errors import NotPlainError
from aetherius.graphql.listing import Listing
from aetherius.graphql.lists.pieces import Pieces, quoted
from aetherius.graphql.lists.selection import Spreading, selections
from aetherius.graphql.lists.values import value_of
from aetherius.graphql.types.node import Node
from aetherius.projections.conditions import Conditions
from aetherius.projections.read_model import ReadModel
from aetherius.projections.tables import statement, table

_NAMED: Final = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True)
class Root:
    """A list at the root of a query: the name it has in the answer, its node in the query, and its definition."""

    key: str
    nodes: Sequence[FieldNode]
    field: GraphQLField
    kind: type[Node]

    @property
    def type(self) -> GraphQLObjectType:
        """Its connection."""
        return _object(self.field)


@dataclass(frozen=True)
class Statement:
    """SQL with `$1`, `$2`; `values` gives what they stand for."""

    sql: str
    values: Callable[[Sequence[Listing]], list[Any]]


@dataclass
class _Parameters:
    """Numbers the parameters of a statement, and remembers where their values come from."""

    sources: list[Callable[[Sequence[dict[str, Any]]], Any]] = field(default_factory=list)
    numbers: dict[tuple[int, str], int] = field(default_factory=dict)

    def number(self, root: int, name: str) -> str:
        at = self.numbers.get((root, name))
        if at is None:
            self.sources.append(lambda values: values[root][name])
            at = self.numbers[root, name] = len(self.sources)
        return f"${at}"


def compile_statement(spreading: Spreading, roots: Sequence[Root | str], listings: Sequence[Listing]) -> Statement:
    """The statement of roots (a text for a `__typename`, by its name in the answer) with the conditions that listings set.

    Raises:
        NotPlainError: a field is not plain.
    """
    parameters = _Parameters()
    answer = Pieces().text('{"data":{')
    at = 0
    for index, root in enumerate(roots):
        answer.text("," if index else "")
        if isinstance(root, str):
            answer.text(f'"{root}":"{spreading.schema.query_type.name}"')  # type: ignore[union-attr]
            continue
        answer.text(f'"{root.key}":').sql(_List(spreading, root, listings[at], at, parameters).expression)
        at += 1
    sources = parameters.sources
    sql = f"SELECT {answer.text('}}').expression}"

    def values(listings: Sequence[Listing]) -> list[Any]:
        by_name = [values_of(listing) for listing in listings]
        return [source(by_name) for source in sources]

    return Statement(sql, values)


def conditions_of(listing: Listing) -> Conditions:
    """The conditions of a page, and of all pages together if it is the first."""
    return Conditions(listing.model).matching(listing.filter).at(listing.as_of)


def values_of(listing: Listing) -> dict[str, Any]:
    """What the parameters of a list stand for. Numbers are all of one width: each other one would be another prepared statement."""
    values = conditions_of(listing).values
    if listing.before is not None:
        values["before"] = listing.before
    return {name: Int8(value) if type(value) is int else value for name, value in values.items()}


class _List:
    """The expression of one list."""

    def __init__(self, spreading: Spreading, root: Root, listing: Listing, at: int, parameters: _Parameters) -> None:
        self._spreading = spreading
        self._root = root
        self._listing = listing
        self._at = at
        self._parameters = parameters
        self._columns: list[str] = []
        """Of the page: the text of each row's edge, for each time that edges are asked for."""
        self._members: dict[str, None] = {}
        """Of the rows' documents, as far as they are needed."""
        self._paged = False

    @property
    def expression(self) -> str:
        body = self._object(self._root.type, selections(self._root.nodes), self._of_connection)
        return f"(SELECT {body} FROM ({self._page()}) AS p)" if self._paged else body

    def _object(
        self, type: GraphQLObjectType, sets: Any, print_field: Callable[[Pieces, str, list[FieldNode]], None]
    ) -> str:
        """A JSON object with the fields asked for; `{}` if `@skip` and `@include` leave none."""
        printed = Pieces().text("{")
        for index, (key, nodes) in enumerate(self._spreading.fields(type, sets).items()):
            printed.text(f'{"," if index else ""}"{key}":')
            if nodes[0].name.value == "__typename" and type is not self._node_type:
                printed.text(f'"{type.name}"')
            else:
                print_field(printed, nodes[0].name.value, nodes)
        return printed.text("}").expression

    @property
    def _node_type(self) -> GraphQLObjectType:
        return _object(_object(self._root.type.fields["edges"]).fields["node"])

    def _of_connection(self, printed: Pieces, name: str, nodes: list[FieldNode]) -> None:
        match name:
            case "edges":
                self._edges(printed, nodes)
            case "pageInfo":
                printed.sql(self._object(_object(self._root.type.fields["pageInfo"]), selections(nodes), self._of_page))
            case "position":
                printed.sql(f"({self._position()})::text")
            case "totalCount":
                printed.sql(self._count())
            case _:
                raise NotPlainError(name)

    def _edges(self, printed: Pieces, nodes: list[FieldNode]) -> None:
        self._paged = True
        column = f"e{len(self._columns)}"
        edge = _object(self._root.type.fields["edges"])
        self._columns.append(f"{self._object(edge, selections(nodes), self._of_edge)} AS {column}")
        rows = f"string_agg(p.{column}, ',' ORDER BY p.k) FILTER (WHERE p.k <= {self._listing.first})"
        printed.text("[").sql(f"coalesce({rows}, '')").text("]")

    def _of_edge(self, printed: Pieces, name: str, nodes: list[FieldNode]) -> None:
        if name == "cursor":
            printed.sql(_cursor(self._listing.model, "t.created"))
        elif name == "node":
            printed.sql(self._object(self._node_type, selections(nodes), self._of_node))
        else:
            raise NotPlainError(name)

    def _of_node(self, printed: Pieces, name: str, nodes: list[FieldNode]) -> None:
        value = value_of(self._root.kind, name, self._node_type.fields.get(name))
        if value.member:
            self._members[value.member] = None
        printed.sql(value.expression)

    def _of_page(self, printed: Pieces, name: str, nodes: list[FieldNode]) -> None:
        first = self._listing.first
        self._paged = self._paged or name != "hasPreviousPage"  # all others look at the rows
        match name:
            case "hasNextPage":
                printed.sql(f"CASE WHEN count(*) > {first} THEN 'true' ELSE 'false' END")
            case "hasPreviousPage":
                printed.text("true" if self._listing.before is not None else "false")
            case "startCursor":
                printed.sql(f"coalesce({_cursor(self._listing.model, 'max(p.created)')}, 'null')")
            case "endCursor":
                last = f"min(p.created) FILTER (WHERE p.k <= {first})"
                printed.sql(f"coalesce({_cursor(self._listing.model, last)}, 'null')")
            case _:
                raise NotPlainError(name)

    def _page(self) -> str:
        """The rows of the page, one more if there is a next."""
        conditions = conditions_of(self._listing)
        if self._listing.before is not None:
            conditions.before(self._listing.before)
        names = ", ".join(f'"{name}"' for name in ("id", "created", "valid_from", *self._listing.model.columns, "doc"))
        rows = (
            f"SELECT {names} FROM {_text(table(self._listing.model))} WHERE {self._numbered(conditions.sql)}"
            f" ORDER BY created DESC LIMIT {self._listing.first + 1}"
        )
        members = ", ".join(f'"{member}" json' for member in self._members)
        documents = f" CROSS JOIN LATERAL json_to_record(t.doc) AS d({members})" if members else ""
        columns = ", ".join(("row_number() OVER (ORDER BY t.created DESC) AS k", "t.created", *self._columns))
        return f"SELECT {columns} FROM ({rows}) AS t{documents}"

    def _position(self) -> str:
        if self._listing.as_of is not None:
            return self._number("as_of")
        checkpoint = _text(statement("position", self._listing.model)).replace(
            "%(model)s", quoted(self._listing.model.name)
        )
        return f"coalesce(({checkpoint}), 0)"

    def _count(self) -> str:
        counting = _text(statement("count", self._listing.model, conditions=conditions_of(self._listing).sql))
        counted = self._numbered(SQL(counting.replace("%(limit)s", str(COUNT_LIMIT + 1))))
        return f"(SELECT CASE WHEN c.n <= {COUNT_LIMIT} THEN c.n::text ELSE 'null' END FROM ({counted}) AS c(n))"

    def _numbered(self, sql: Any) -> str:
        return _NAMED.sub(lambda match: self._number(match[1]), _text(sql))

    def _number(self, name: str) -> str:
        return self._parameters.number(self._at, name)


def _cursor(model: ReadModel[Any], created: str) -> str:
    """As `listing.cursor`; null for null."""
    place = f"encode(convert_to({quoted(model.name + ':')} || {created}, 'UTF8'), 'base64')"
    return f"'\"' || rtrim(translate({place}, '+/', '-_'), '=') || '\"'"


def _text(sql: Any) -> str:
    assert not isinstance(sql, str)
    return str(sql.as_string(None))


def _object(field: GraphQLField) -> GraphQLObjectType:
    found = get_named_type(field.type)
    assert isinstance(found, GraphQLObjectType)
    return found
