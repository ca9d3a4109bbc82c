"""Rows as PostgreSQL's COPY reads them in text form: made in one go, as psycopg's row by row costs more than all the rest of a projection."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

_ESCAPED: Final = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\ufffd"}
"""NUL, which PostgreSQL keeps in no text, becomes the replacement character; documents have it escaped."""
_ANY: Final = re.compile(r"[\\\t\n\r\0]")
_CHUNK: Final = 200


def fields(values: Sequence[object]) -> str:
    """Values as a row's fields, tabs between."""
    joined = "\t".join([value if type(value) is str else _other(value) for value in values])
    if joined.count("\t") < len(values) and not _is_special(joined):
        return joined
    return "\t".join([_escaped(value) for value in values])


def _is_special(text: str) -> bool:
    return "\\" in text or "\n" in text or "\r" in text or "\0" in text


def document(json: bytes) -> str:
    """A JSON document as a field: its only special character is the backslash."""
    return json.decode().replace("\\", "\\\\")


def chunks(lines: Iterable[str]) -> Iterator[bytes]:
    """Lines in pieces: PostgreSQL takes one in while the next is made."""
    source = iter(lines)
    while chunk := list(islice(source, _CHUNK)):
        yield "\n".join((*chunk, "")).encode()


def _other(value: object) -> str:
    kind = type(value)
    return (_WRITERS.get(kind) or _writer(kind))(value)


_WRITERS: Final[dict[type, Callable[[Any], str]]] = {
    datetime: datetime.isoformat,
    UUID: attrgetter("hex"),
    type(None): lambda _: "\\N",
    int: str,
}
"""What makes a field of the values of a type; enumerations are added as they come."""


def _writer(kind: type) -> Callable[[Any], str]:
    if not issubclass(kind, enum.Enum):
        return str
    return _WRITERS.setdefault(kind, {value: str(value.value) for value in kind}.__getitem__)


def _escaped(value: object) -> str:
    text = value if type(value) is str else _other(value)
    return text if value is None else _ANY.sub(lambda match: _ESCAPED[match[0]], text)
