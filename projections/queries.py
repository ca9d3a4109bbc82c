"""The query port of the read models: pages, single rows and related rows, now or as of any position of the log.

Lists are newest first, by the position at which a row was first made: it never changes, so a cursor stays right while rows change. Pages that belong
together are asked `as_of` one position; without it each page is of its own moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, Protocol
from uuid import UUID

import msgspec

from aetherius.projections.read_model import Filter, R, ReadModel

MAX_PAGE = 500


class Found(msgspec.Struct, Generic[R], frozen=True):
    """A row, and where it stands."""

    row: R
    created: int
    """Position that made it: its place in lists, newest first."""
    valid_from: int
    """Position of its last change."""


class Page(msgspec.Struct, Generic[R], frozen=True):
    """Rows newest first. `position` is the moment they are of: everything up to there is in them."""

    found: list[Found[R]]
    has_next: bool
    position: int


class ReadModels(Protocol):
    """Reads the read models. Every method may raise ``ReadModelUnavailableError``; all are safe to repeat.

    With `as_of`, a method first waits until the model has taken in everything up to that position, or raises ``ReadModelBehindError``; of a moment whose
    versions were removed (`projections compact`) it raises ``CompactedError``.

    With `occurred` (aware; observations only) a list is of the observations that held at that moment in the time of what happened: of each subject the last
    one by then, as far as is known at `as_of`. It is in order of that time, latest first.
    """

    async def page(
        self,
        model: ReadModel[R],
        filter: Filter,
        *,
        first: int,
        before: int | None = None,
        as_of: int | None = None,
        occurred: datetime | None = None,
    ) -> Page[R]:
        """Up to `first` rows (1 to 500) that were made before position `before` (None: from the newest)."""

    async def count(
        self,
        model: ReadModel[Any],
        filter: Filter,
        *,
        as_of: int | None = None,
        occurred: datetime | None = None,
        upto: int,
    ) -> int:
        """How many rows match; stops counting at `upto`."""

    async def rows(self, model: ReadModel[R], ids: Sequence[UUID], *, as_of: int | None = None) -> dict[UUID, Found[R]]:
        """The rows of these ids, as far as they exist."""

    async def related(
        self, model: ReadModel[R], column: str, values: Sequence[Any], *, as_of: int | None = None, limit: int
    ) -> dict[Any, list[Found[R]]]:
        """For each value of a column up to `limit` rows that have it, newest first."""

    async def arrive(self, model: ReadModel[Any], as_of: int | None) -> None:
        """Asked as of a position, wait until the model has taken in everything up to it."""

    async def document(self, sql: str, values: Sequence[Any]) -> bytes | None:
        """The one text that a statement over the models' tables gives, in UTF-8; `$1` and on stand for the values. None if a value in them cannot be
        printed, or versions were removed: ask for rows then. Arrive first."""
