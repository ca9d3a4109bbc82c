"""What a room has to migrate: its numbered files, and what it makes from declarations.

A file is `migrations/<number>_<name>.<half>.sql`. Once it was released it is never changed: its checksum is kept with the database. A file is one
transaction, unless its first line says that it is not; then its parts, between blank lines, run one by one, and each must bear being repeated.
"""

from __future__ import annotations

import enum
import hashlib
import re
from collections.abc import Callable, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final, Protocol, Self

import msgspec
from psycopg import Connection
from psycopg.sql import SQL, Composed

from aetherius.runtime.errors import MigrationMalformedError
from aetherius.runtime.sql_files import sql_texts

OUTSIDE: Final = "-- outside a transaction"
"""First line of a file whose statements PostgreSQL refuses inside one (`CREATE INDEX CONCURRENTLY`)."""
_NAME: Final = re.compile(r"(\d{4})_([a-z0-9_]+)\.(pre|post)\.sql")
Filled = Callable[[SQL], Sequence[SQL | Composed]]


class Half(enum.StrEnum):
    """When a migration may run."""

    PRE = "pre"
    """Before the new version is rolled out: the old one goes on working with what it leaves behind."""
    POST = "post"
    """When no process of the old version runs any more."""


class Migration(msgspec.Struct, frozen=True):
    """One file."""

    room: str
    number: int
    half: Half
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.room} {self.number:04} {self.half} ({self.name})"

    @property
    def checksum(self) -> str:
        """SHA-256 of the file's text, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def parts(self) -> list[str]:
        """The parts that run one by one outside a transaction; none if it runs in one."""
        if not self.text.startswith(OUTSIDE):
            return []
        return [part for part in re.split(r"\n\s*\n", self.text.removeprefix(OUTSIDE).strip()) if part]


class Declared(Protocol):
    """What a room makes by code: tables from declarations, partitions for the weeks to come. Comes after the room's first halves."""

    def missing(self, connection: Connection[Any]) -> list[str]:
        """What is not there, in words; asked also when no table is there at all."""

    def make(self, connection: Connection[Any]) -> None:
        """Make what is not there, in the caller's transaction. Safe to repeat."""


def _as_it_is(text: SQL) -> Sequence[SQL | Composed]:
    return (text,)


class Room(msgspec.Struct, frozen=True):
    """A room's migrations in order, and how they are filled in."""

    name: str
    """Kept with the database: never rename."""
    migrations: tuple[Migration, ...]
    filled: Filled = _as_it_is
    """What a file's text becomes, where it leaves names open."""
    declared: Declared | None = None

    @classmethod
    def of(cls, name: str, filled: Filled = _as_it_is, declared: Declared | None = None) -> Self:
        """The room `aetherius.<name>`, with the files of its folder `migrations`."""
        return cls(name, read(name, files(f"aetherius.{name}").joinpath("migrations")), filled, declared)

    def half(self, half: Half) -> list[Migration]:
        """Its migrations of one half, in order."""
        return [each for each in self.migrations if each.half is half]


def read(room: str, folder: Traversable) -> tuple[Migration, ...]:
    """The migrations in a folder, by number, `pre` first.

    Raises:
        MigrationMalformedError: a name is not of the form, or two have one number and half.
    """
    found = [_migration(room, name, text) for name, text in sql_texts(folder)]
    keys = [(each.number, each.half) for each in found]
    for each, key in zip(found, keys, strict=True):
        if keys.count(key) > 1:
            raise MigrationMalformedError(str(each), "has the number of another one")
    return tuple(sorted(found, key=lambda each: (each.number, each.half is Half.POST)))


def _migration(room: str, name: str, text: str) -> Migration:
    if not (named := _NAME.fullmatch(name)):
        raise MigrationMalformedError(f"{room}/migrations/{name}", "is not named <number>_<name>.<pre or post>.sql")
    number, words, half = named.groups()
    return Migration(room, int(number), Half(half), words.replace("_", " "), text)
