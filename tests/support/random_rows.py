"""Random rows of every read model, written straight into the tables: texts that JSON, SQL and PostgreSQL have trouble with, empty and missing values, times with and without microseconds."""

from __future__ import annotations

import enum
import random
import types
import typing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from aetherius.graphql.types.enums import NAMED_TEXTS
from aetherius.projections.models import MODELS
from aetherius.projections.read_model import ReadModel
from aetherius.projections.tables import statement

TEXTS = (
    "",
    "shop",
    "berlin",
    'say "no"',
    "back\\slash",
    "line\nbreak\ttab",
    "naïve ☃ 😀",
    "a'b",
    "%s $1",
    "</script>",
    "\x7f\x1f",
)
HARD = ("killed \0 twice", "not \ufffd known")
"""Texts that PostgreSQL cannot print as they are."""
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class RandomRows:
    """`hard`: share of the texts that a compiled statement cannot print."""

    def __init__(self, seed: int, hard: float = 0.0) -> None:
        self.rng = random.Random(seed)
        self.hard = hard

    def write(self, dsn: str, head: int, count: int) -> None:
        """So many rows of each model, some with an earlier version, at positions up to the head that made no row yet: no event makes two."""
        with psycopg.connect(dsn) as connection:
            for model in MODELS:
                taken = {row[0] for row in connection.execute(f"SELECT created FROM read_models.{model.name}")}
                free = sorted(set(range(1, head + 1)) - taken)
                with connection.cursor().copy(statement("copy_rows", model)) as copy:
                    for created in self.rng.sample(free, min(count, len(free))):
                        for version in self._versions(model, created, head):
                            copy.write_row(version)

    def _versions(self, model: ReadModel[Any], created: int, head: int) -> list[tuple[Any, ...]]:
        id = UUID(int=self.rng.getrandbits(128))
        if model.immutable or self.rng.random() < 0.5 or created == head:
            return [self._version(model, id, created, created, None)]
        changed = self.rng.randint(created + 1, head)
        return [
            self._version(model, id, created, created, changed),
            self._version(model, id, created, changed, None if self.rng.random() < 0.8 else head + 1),
        ]

    def _version(self, model: ReadModel[Any], id: UUID, created: int, start: int, end: int | None) -> tuple[Any, ...]:
        values = {name: self._value(kind) for name, kind in typing.get_type_hints(model.row).items() if name != "id"}
        # Shown as OTHER: an answer does not tell that a text in them could not be printed.
        values |= {name: self.rng.choice(TEXTS) for name in NAMED_TEXTS if values.get(name) in HARD}
        row = model.row(id=id, **values)
        columns = [self._stored(getattr(row, name)) for name in model.columns]
        return (id, created, start, end, *columns, msgspec.json.encode(row).decode())

    @staticmethod
    def _stored(value: Any) -> Any:
        if isinstance(value, enum.Enum):
            return value.value
        return value.replace("\0", "\ufffd") if isinstance(value, str) else value

    def _value(self, kind: Any) -> Any:
        rng, origin, inner = self.rng, typing.get_origin(kind), typing.get_args(kind)
        if origin in (typing.Union, types.UnionType):
            return None if rng.random() < 0.3 else self._value(inner[0])
        if origin is list:
            return [self._value(inner[0]) for _ in range(rng.choice((0, 1, 3)))]
        if origin is dict:
            return {self._text(): self._value(inner[1]) for _ in range(rng.choice((0, 1, 3)))}
        if kind is Any:
            return rng.choice((None, True, 1, -2.5, self._text(), [1, {"a": None}]))
        if kind is datetime:
            return NOON + timedelta(seconds=rng.randrange(10**6), microseconds=rng.choice((0, 0, 1, 120_000, 999_999)))
        if kind is UUID:
            return UUID(int=rng.getrandbits(128))
        return self._plain(kind)

    def _plain(self, kind: Any) -> Any:
        rng = self.rng
        if kind is bool:
            return rng.random() < 0.5
        if kind is int:
            return rng.choice((0, 1, 7, 2**31 - 1))
        if kind is float:
            return rng.choice((0.0, 0.5, 1e-7, 1.0))
        if kind is str:
            return self._text()
        if issubclass(kind, enum.Enum):
            return rng.choice(list(kind))
        hints = typing.get_type_hints(kind)
        return kind(**{name: self._value(hint) for name, hint in hints.items()})

    def _text(self) -> str:
        return self.rng.choice(HARD if self.rng.random() < self.hard else TEXTS)
