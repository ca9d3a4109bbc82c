"""Filters of the root lists and subscriptions: every condition that is given must hold; a list means any of these. Times: from `since` on, before `until`."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, get_type_hints

import strawberry
from strawberry.utils.str_converters import to_camel_case

from aetherius.access.errors import InvalidArgumentError
from aetherius.access.json_door import checked_text
from aetherius.access.moment import aware
from aetherius.graphql.types.enums import NAMED_TEXTS
from aetherius.projections.read_model import Filter

F = TypeVar("F", bound=Filter)
_MAX_TEXT = 500
_MAX_LIST = 100


@cache
def input_of(kind: Any) -> Any:
    """The input that asks for a read model's filter: a field for each of its conditions."""
    hints = get_type_hints(kind)
    values = {name: _value(name) for name in kind.__struct_fields__}
    made = type(kind.__name__, (), {**values, "__doc__": "Which ones."})
    made.__annotations__ = {name: hints[name] for name in kind.__struct_fields__}
    return strawberry.input(made)


def _value(name: str) -> Any:
    if name in NAMED_TEXTS:
        return strawberry.field(default=None, graphql_type=list[NAMED_TEXTS[name]] | None)  # type: ignore[valid-type]
    return None


def as_filter(kind: type[F], wanted: Any) -> F:
    """The read model's filter for what a client wants (None: everything).

    Raises:
        InvalidArgumentError: a value is too long, or a time has no zone.
    """
    if wanted is None:
        return kind()
    given = {field.name: getattr(wanted, field.name) for field in fields(wanted)}
    return kind(**{name: _checked(f"filter.{to_camel_case(name)}", value) for name, value in given.items()})


def _checked(place: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return aware(value, place)
    if isinstance(value, str):
        return checked_text(value, place, _MAX_TEXT)
    if isinstance(value, list):
        if len(value) > _MAX_LIST:
            raise InvalidArgumentError(place, f"has more than {_MAX_LIST} values")
        return [_checked(place, each) for each in value]
    return value
