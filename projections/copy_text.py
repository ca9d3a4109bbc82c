"""Rows as PostgreSQL's COPY reads them in text form: made in one go, as psycopg's row by row costs more than all the rest of a projection."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Final
from uuid import UUID

_SPECIAL: Final = re.compile(r"[\\\n\r\0]")
_ESCAPED: Final = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\ufffd"}
"""NUL, which PostgreSQL keeps in no text, becomes the replacement character; documents have it escaped."""
_ANY: Final = re.compile(r"[\\\t\n\r\0]")
_CHUNK: Final = 200


def fields(values: Sequence[object]) -> str:
    """Values as a row's fields, tabs between."""
    joined = "\t".join([value if type(value) is str else _other(value) for value in values])
    if joined.count("\t") < len(values) and not _SPECIAL.search(joined):
        return joined
    return "\t".join([_escaped(value) for value in values])


def document(json: bytes) -> str:
    """A JSON document as a field: its only special character is the backslash."""
    return json.decode().replace("\\", "\\\\")


def chunks(lines: Iterable[str]) -> Iterator[bytes]:
    """Lines in pieces: PostgreSQL takes one in while the next is made."""
    source = iter(lines)
    while chunk := list(islice(source, _CHUNK)):
        yield "\n".join((*chunk, "")).encode()


def _other(value: object) -> str:
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return value.hex
    return "\\N" if value is None else str(value)


def _escaped(value: object) -> str:
    text = value if type(value) is str else _other(value)
    return text if value is None else _ANY.sub(lambda match: _ESCAPED[match[0]], text)
