"""What a versioned read model declares: its row, how events change it, and by what it can be filtered.

Everything else (tables, indexes, versions, rebuild, pages, `asOf`) follows from the declaration, so a new read model is one file. A row is a frozen
struct; each change of it gets an interval `[valid_from, valid_to)` of log positions, and no version is ever overwritten.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, Final, Generic, TypeVar
from uuid import UUID

import msgspec

from aetherius.domain.event import Recorded, all_topics


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One thing as it was for a while. All that is shown of it; the fields named in a model's `columns` can be filtered by."""

    id: UUID


R = TypeVar("R", bound=Row)


class Column(msgspec.Struct, frozen=True):
    """A filterable field: its PostgreSQL type, and whether it leads an index of its own (each costs every write)."""

    type: str = "text"
    indexed: bool = False


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions that must all hold; None asks nothing.

    A field named like a column wants that value, or one of them if it is a list; `<column>_since` and `<column>_until` are a half-open interval, `<column>_upto` is one with its end.
    """


class ReadModel(Generic[R]):
    """One read model. Subclasses say what is left open here; see `incidents.py`."""

    name: ClassVar[str]
    """Names its table and its checkpoint: never rename."""
    row: type[R]
    topics: ClassVar[Sequence[str]]
    """Topics of the events that change it."""
    columns: ClassVar[Mapping[str, Column]]
    build: ClassVar[int] = 1
    """Raise it when `evolve` makes other rows of the same events: then a service that starts builds the model again, beside the one that serves."""
    immutable: ClassVar[bool] = False
    """Rows are written once, as observations are, by one event each: one version, and fewer indexes."""
    subject: ClassVar[Sequence[str]] = ()
    """Columns that name what a row is an observation of. Then its list can be asked as of an occurred time too: each row holds from its `occurred_at` until
    that of the next one of the same subject. Of immutable models with a column `occurred_at` only."""

    def key(self, recorded: Recorded) -> UUID:
        """The row that an event changes: as a rule that of its stream."""
        return recorded.stream_id

    def evolve(self, row: R | None, recorded: Recorded) -> R | None:
        """The row after an event; the same row if nothing changes, None for no row (not yet there, or gone). Pure."""
        raise NotImplementedError


def topics_of_streams(*kinds: str) -> tuple[str, ...]:
    """Every known topic of streams of these kinds (`Incident`). Import the module of their events first."""
    found = tuple(topic for topic in all_topics() if topic.partition(".")[0] in kinds)
    if missing := set(kinds) - {topic.partition(".")[0] for topic in found}:
        raise LookupError(f"no events known of {sorted(missing)}")
    return found


def matches(filter: Filter, row: Row) -> bool:
    """Whether a row meets a filter's conditions: what the database decides for lists, for rows at hand."""
    return all(
        _holds(field, value, row) for field in filter.__struct_fields__ if (value := getattr(filter, field)) is not None
    )


@cache
def split_bound(field: str) -> tuple[str, str | None]:
    """The column that a filter's field is about, and its comparison (`>=`, `<`, `<=`); None for one of values."""
    for suffix, comparison in (("_since", ">="), ("_until", "<"), ("_upto", "<=")):
        if field.endswith(suffix):
            return field.removesuffix(suffix), comparison
    return field, None


_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {">=": operator.ge, "<": operator.lt, "<=": operator.le}


def _holds(field: str, wanted: Any, row: Row) -> bool:
    column, comparison = split_bound(field)
    value = getattr(row, column)
    if comparison:
        return value is not None and _COMPARE[comparison](value, wanted)
    return value in wanted if isinstance(wanted, list) else bool(value == wanted)
