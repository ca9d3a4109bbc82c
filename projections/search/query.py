"""What can be asked of the search index, and how a question is checked: each refusal names the field, the rule and the place.

One question means the same to every adapter (`index.py`): conditions on words, on whole fields and on ranges must all hold; an order that never has ties; and counts
by value and by time. There is no ranking: servers rank differently, and an operator who reads on to the next page wants an order that stands still.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import msgspec

from aetherius.projections.errors import InvalidQueryError
from aetherius.projections.search.document import NAMES
from aetherius.projections.search.words import stands_alone, terms_of, words_of

MAX_HITS: Final = 500
MAX_COUNTED: Final = 10_000
"""Matches beyond these are not counted."""
MAX_BUCKETS: Final = 2_000
"""Of a histogram: more are refused."""
_MAX_INTERVAL: Final = 400 * 86_400_000
_UNITS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LONG: Final = 2**53
"""Beyond this numbers are not whole to every reader of JSON."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
Names = Name | Annotated[list[Name], msgspec.Meta(min_length=1, max_length=100)]
Number = Annotated[int, msgspec.Meta(ge=-_LONG, le=_LONG)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A name that is not known is refused: a condition that is misspelt must not show too much."""


class Text(_Part, frozen=True, kw_only=True):
    """Terms to find. `all` of them, `any` of them, all one after the other as a `phrase`, or all with the last word as the beginning (`prefix`) of one. The words of a term must
    follow one another."""

    query: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    match: Literal["all", "any", "phrase", "prefix"] = "all"

    @property
    def phrases(self) -> list[list[str]]:
        """Words that must follow one another, as documents have them."""
        if self.match == "phrase":
            return [words_of(self.query)]
        terms = terms_of(self.query)
        return [*terms[:-1], *([terms[-1][:-1]] if terms[-1][:-1] else [])] if self.beginning else terms

    @property
    def beginning(self) -> str:
        """What a word must begin with; empty if nothing. A letter of a script without spaces is a word of its own already."""
        last = words_of(self.query)[-1] if self.match == "prefix" else ""
        return "" if not last or stands_alone(last) else last


class Fields(_Part, frozen=True, kw_only=True):
    """Whole fields: a value, or several of which one must fit."""

    id: Names | None = None
    kind: Names | None = None
    type: Names | None = None
    stream_id: Names | None = None
    cluster_id: Names | None = None
    namespace: Names | None = None
    severity: Names | None = None
    status: Names | None = None
    symptom: Names | None = None
    root_cause: Names | None = None
    reason: Names | None = None
    object_kind: Names | None = None
    object_name: Names | None = None
    node: Names | None = None
    owner_kind: Names | None = None
    owner_name: Names | None = None
    source: Names | None = None
    actor: Names | None = None
    correlation_id: Names | None = None

    def given(self) -> list[tuple[str, list[str]]]:
        """Field and values."""
        found = ((name, getattr(self, name)) for name in NAMES)
        return [(name, [each] if isinstance(each, str) else each) for name, each in found if each is not None]


class Times(_Part, frozen=True, kw_only=True):
    """Bounds of a time, each with its zone."""

    gte: Moment | None = None
    gt: Moment | None = None
    lte: Moment | None = None
    lt: Moment | None = None


class Numbers(_Part, frozen=True, kw_only=True):
    """Bounds of a number."""

    gte: Number | None = None
    gt: Number | None = None
    lte: Number | None = None
    lt: Number | None = None


class Ranges(_Part, frozen=True, kw_only=True):
    """Fields with bounds."""

    occurred_at: Times | None = None
    position: Numbers | None = None
    version: Numbers | None = None
    count: Numbers | None = None

    def given(self) -> list[tuple[str, str, int]]:
        """Field, comparison (`>=`, `<`) and whole number: times in milliseconds, as documents have them."""
        found: list[tuple[str, str, int]] = []
        for name in self.__struct_fields__:
            for bound in ("gte", "gt", "lte", "lt"):
                value = getattr(getattr(self, name), bound, None)
                if value is not None:
                    found.append((name, *_whole(bound, value)))
        return found


class Terms(_Part, frozen=True, kw_only=True, tag="terms"):
    """How many documents have each value of a field; the most frequent first, then by value."""

    field: Name
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 10


class Histogram(_Part, frozen=True, kw_only=True, tag="histogram"):
    """How many documents lie in each stretch of time (`30s`, `5m`, `1h`, `1d`), in UTC from 1970 on, those without any left out; of each also by the values of a field, if one is
    named."""

    interval: Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,5}[smhd]$")]
    by: Name | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=50)] = 10

    @property
    def width(self) -> int:
        """Milliseconds."""
        return int(self.interval[:-1]) * _UNITS[self.interval[-1]]


class Sort(_Part, frozen=True, kw_only=True):
    """The order of what is found; among equals it is that of ids."""

    field: Literal["occurred_at", "position"] = "occurred_at"
    order: Literal["asc", "desc"] = "desc"


class Query(_Part, frozen=True, kw_only=True):
    """One question; made by `query_of`, or checked by `checked`."""

    text: Text | None = None
    filter: Fields = Fields()
    exclude: Fields = Fields()
    range: Ranges = Ranges()
    aggregations: dict[str, Terms | Histogram] = {}
    sort: Sort = Sort()
    limit: Annotated[int, msgspec.Meta(ge=0, le=MAX_HITS)] = 50
    cursor: Annotated[str, msgspec.Meta(max_length=500)] | None = None

    @property
    def after(self) -> tuple[int, str] | None:
        """The value of the sort's field, and the id, of the last document of the page before."""
        return None if self.cursor is None else _place(self.cursor, self.sort)


_decoder: Final = msgspec.json.Decoder(Query)


def query_of(body: bytes) -> Query:
    """The question in a request's body.

    Raises:
        InvalidQueryError: it breaks a rule.
    """
    try:
        query = _decoder.decode(body)
    except msgspec.ValidationError as exc:
        rule, _, path = str(exc).partition(" - at `$")
        raise InvalidQueryError(path.strip("`.") or "body", rule) from exc
    except msgspec.DecodeError as exc:
        raise InvalidQueryError("body", str(exc)) from exc
    return checked(query)


def checked(query: Query) -> Query:
    """The question, if it can be answered. Raises ``InvalidQueryError``."""
    if query.text and not words_of(query.text.query):
        raise InvalidQueryError("text.query", "holds no word: letters and digits are searched for")
    if len(query.aggregations) > 10:
        raise InvalidQueryError("aggregations", "may be ten at most")
    for name, wanted in query.aggregations.items():
        _check(f"aggregations.{name}", name, wanted)
    _ = query.after  # it is read, or refused
    return query


def cursor_of(sort: Sort, value: int, id: str) -> str:
    """The cursor behind a document."""
    return base64.urlsafe_b64encode(msgspec.json.encode((sort.field, sort.order, value, id))).decode().rstrip("=")


def _check(place: str, name: str, wanted: Terms | Histogram) -> None:
    if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) is None:
        raise InvalidQueryError(place, "a name is of 1 to 64 letters, digits, hyphens and underscores")
    field = wanted.field if isinstance(wanted, Terms) else wanted.by
    if field is not None and field not in NAMES:
        where = "field" if isinstance(wanted, Terms) else "by"
        raise InvalidQueryError(f"{place}.{where}", f"is none of {', '.join(NAMES)}")
    if isinstance(wanted, Histogram) and wanted.width > _MAX_INTERVAL:
        raise InvalidQueryError(f"{place}.interval", "is longer than 400 days")


def _place(cursor: str, sort: Sort) -> tuple[int, str]:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        field, order, value, id = msgspec.json.decode(raw, type=tuple[str, str, int, str])
    except (binascii.Error, ValueError, msgspec.MsgspecError) as exc:
        raise InvalidQueryError("cursor", "is none of this search: take it from the page before") from exc
    if (field, order) != (sort.field, sort.order) or abs(value) > _LONG:
        raise InvalidQueryError("cursor", "is of a search in another order: take it from the page before")
    return value, id


def _whole(bound: str, value: datetime | int) -> tuple[str, int]:
    """A bound as one of two comparisons with a whole number."""
    if isinstance(value, int):
        return {"gte": (">=", value), "gt": (">=", value + 1), "lte": ("<", value + 1), "lt": ("<", value)}[bound]
    return (">=" if bound in ("gte", "gt") else "<"), milliseconds(
        value, up=bound in ("gte", "lt"), past=bound in ("gt", "lte")
    )


def milliseconds(time: datetime, *, up: bool = False, past: bool = False) -> int:
    """Milliseconds since 1970, cut off; `up`: the first one that is not before the time; `past`: the first one behind the time's own."""
    delta = time - _EPOCH
    micros = (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
    if up:
        return -(-micros // 1000)
    return micros // 1000 + past
