"""How a plain field of a node is printed as JSON by PostgreSQL, from the columns of its read model's table (`t`) and the document's members (`d`).

A NUL is stored as U+FFFD in columns: an answer that has one is not to be given (`REPLACED`), as the document may know better.

It must give what the schema's own scalars would: names of enumerations, times with `+00:00`. What cannot be printed so (a NUL in a text, a value that
the schema would refuse) makes the statement fail; the query is then answered row by row.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from graphql import GraphQLEnumType, GraphQLField, get_nullable_type, is_list_type, is_non_null_type
from msgspec import NODEFAULT

from aetherius.domain.secrets import secret_fields
from aetherius.graphql.errors import NotPlainError
from aetherius.graphql.lists.pieces import Pieces, quoted
from aetherius.graphql.types.node import Node, shown_as_stored

REPLACED: Final = "\ufffd".encode()
_RAW: Final = frozenset({"String", "ID", "Boolean", "Float", "Long", "JSON", "UUID"})
_QUOTE: Final = '"'
_MOMENT: Final = 'YYYY-MM-DD"T"HH24:MI:SS.US'


@dataclass(frozen=True)
class Value:
    """One field: its text, and the member of the document that the text needs."""

    expression: str
    member: str | None = None


def value_of(kind: type[Node], name: str, field: GraphQLField) -> Value:
    """How to print a field of a node.

    Raises:
        NotPlainError: it is computed, nested or secret.
    """
    if special := _SPECIAL.get(name):
        return Value(special(kind))
    definition: Any = field.extensions.get("strawberry-definition")
    attribute: str = definition.python_name
    row = kind.model.row
    stored: tuple[str, ...] = shown_as_stored(kind, row)  # type: ignore[arg-type]
    if definition.base_resolver or attribute not in stored or attribute in secret_fields(row):
        raise NotPlainError(name)
    return _from_column(kind, attribute, field) or Value(_from_member(kind, attribute, field), attribute)


def _from_column(kind: type[Node], attribute: str, field: GraphQLField) -> Value | None:
    """From the table's column, which costs no look into the document."""
    column = kind.model.columns.get(attribute)
    printed = column and _column_text(column.type, f't."{attribute}"', get_nullable_type(field.type))
    return Value(_never_null(printed, attribute, field, "null")) if printed else None


def _column_text(stored: str, column: str, type: Any) -> str | None:
    name = getattr(type, "name", "")
    if stored == "text" and isinstance(type, GraphQLEnumType):
        return _enumerated(type, column, "")
    if stored == "text" and name == "String":
        return f"to_json({column})::text"
    if stored == "uuid" and name == "UUID":
        return f"'\"' || {column} || '\"'"
    if stored == "timestamptz" and name == "DateTime":
        return (
            f"'\"' || replace(to_char({column}, '{_MOMENT}'), '.000000', '') || '+00:00\"'"  # the session's zone is UTC
        )
    return None


def _from_member(kind: type[Node], attribute: str, field: GraphQLField) -> str:
    """From the document."""
    member = f'd."{attribute}"::text'
    type: Any = get_nullable_type(field.type)
    if is_list_type(type):
        inner = get_nullable_type(type.of_type)
        if getattr(inner, "name", "") not in _RAW:
            raise NotPlainError(attribute)
        return _never_null(member, attribute, field, _default(kind, attribute))
    return _never_null(_member_text(type, member, attribute), attribute, field, _default(kind, attribute))


def _member_text(type: Any, member: str, attribute: str) -> str:
    if isinstance(type, GraphQLEnumType):
        return _enumerated(type, member, _QUOTE)
    if type.name in _RAW:
        return member
    if type.name == "Int":
        return f"({member})::integer::text"  # beyond 32 bits the schema refuses it
    if type.name == "DateTime":
        return f"replace({member}, 'Z\"', '+00:00\"')"
    raise NotPlainError(attribute)


def _enumerated(type: GraphQLEnumType, stored: str, quote: str) -> str:
    cases = " ".join(
        f"WHEN {quoted(quote + _stored(value.value) + quote)} THEN {quoted(_QUOTE + name + _QUOTE)}"
        for name, value in type.values.items()
    )
    return f"CASE {stored} {cases} ELSE CASE WHEN {stored} IS NOT NULL THEN {_refusal(stored)} END END"


def _stored(value: Any) -> str:
    value = getattr(value, "value", value)
    return str(value.value if isinstance(value, enum.Enum) else value)


def _default(kind: type[Node], attribute: str) -> str | None:
    """What a document leaves out (`omit_defaults`), as JSON; None for what it always has."""
    for field in msgspec.structs.fields(kind.model.row):
        if field.name == attribute:
            default = (
                field.default_factory()
                if field.default is NODEFAULT and field.default_factory is not NODEFAULT
                else field.default
            )
            return None if default is NODEFAULT else msgspec.json.encode(default).decode()
    raise NotPlainError(attribute)


def _never_null(text: str, attribute: str, field: GraphQLField, default: str | None) -> str:
    if is_non_null_type(field.type) and default in (None, "null"):
        return f"coalesce({text}, {_refusal(quoted(attribute))})"
    return f"coalesce({text}, {quoted(default or 'null')})"


def _refusal(about: str) -> str:
    """Fails when it is reached, and not before: it depends on a row."""
    return f"(t.id || {about})::integer::text"


_SPECIAL: Final[Mapping[str, Callable[[type[Node]], str]]] = {
    "id": lambda kind: (
        Pieces()
        .text('"')
        .sql(f"encode(convert_to({quoted(kind.__name__ + ':')} || t.id, 'UTF8'), 'base64')")
        .text('"')
        .expression
    ),
    "streamId": lambda _: "'\"' || t.id || '\"'",
    "changedAtPosition": lambda _: "t.valid_from::text",
    "__typename": lambda kind: quoted(f'"{kind.__name__}"'),
}
