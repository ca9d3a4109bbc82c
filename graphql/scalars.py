"""Scalars beyond the standard ones: GraphQL's Int ends at 32 bits, and a log at a million events a minute passes that in a day and a half."""

from __future__ import annotations

from typing import Any, Final, NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

_MAX: Final = 2**53 - 1


def _long(value: Any) -> int:
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -_MAX <= value <= _MAX:
        raise ValueError("wants a whole number of at most 53 bits")
    return value


Long = NewType("Long", int)
"""A whole number of up to 53 bits, a JSON number."""
Position = NewType("Position", int)
"""A place in the log."""

SCALARS: Final[dict[object, ScalarDefinition]] = {
    Long: strawberry.scalar(
        name="Long", description="A whole number of up to 53 bits.", serialize=int, parse_value=_long
    ),
    Position: strawberry.scalar(
        name="Position",
        description="A place in the whole log, from 1; 0 is before its first event. A number; a string of digits is taken too.",
        serialize=int,
        parse_value=_long,
    ),
}
