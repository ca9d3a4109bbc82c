"""Rows as PostgreSQL's COPY reads them in text form: made in one go for a batch, as psycopg's row by row costs more than all the rest of a projection."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

_SPECIAL: Final = re.compile(r"[\\\t\n\r\0]")
_ESCAPED: Final = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\ufffd"}
"""NUL, which PostgreSQL keeps in no text, becomes the replacement character; documents have it escaped."""


def lines(rows: Iterable[Sequence[object]]) -> bytes:
    """The rows, one a line."""
    return "".join(["\t".join(map(_field, row)) + "\n" for row in rows]).encode()


def json_text(document: bytes) -> Raw:
    """A JSON document as a field: its only special character is the backslash."""
    return Raw(document.decode().replace("\\", "\\\\"))


class Raw(str):
    """A field that is escaped already."""

    __slots__ = ()


def _field(value: object) -> str:
    kind = type(value)
    if kind is Raw:
        return value  # type: ignore[return-value]
    if value is None:
        return "\\N"
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, str):
        return _SPECIAL.sub(_escaped, value) if _SPECIAL.search(value) else value
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def _escaped(match: re.Match[str]) -> str:
    return _ESCAPED[match[0]]
