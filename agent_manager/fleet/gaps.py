"""Which numbers of a sequence did not arrive: ranges, never a list of numbers. Pure.

Numbers come in any order and more than once. A hole is only a suspicion at first, since a redelivery may fill it; it is told once it is old.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime
from typing import Final

import msgspec

MAX_HOLES: Final = 1000
"""Holes kept for one sequence; of more, the lowest are told before their time."""


class Hole(msgspec.Struct, frozen=True):
    """Numbers `first` to `last` are missing, noticed at `since`."""

    first: int
    last: int
    since: datetime


class Sequence(msgspec.Struct):
    """What arrived of the numbers from 1 up."""

    next: int = 1
    """Every lower number arrived, is in a hole, or was told as missing."""
    holes: list[Hole] = []
    """In rising order, apart from each other."""
    touched: datetime | None = None
    """When a number last came."""

    def see(self, number: int, at: datetime) -> None:
        """Note that a number arrived; one that was seen, or told as missing, changes nothing."""
        self.touched = at
        if number >= self.next:
            if number > self.next:
                self.holes.append(Hole(self.next, number - 1, at))
            self.next = number + 1
            return
        index = bisect_right(self.holes, number, key=lambda hole: hole.first) - 1
        if index >= 0 and number <= self.holes[index].last:
            self.holes[index : index + 1] = _without(self.holes[index], number)

    def told(self, before: datetime) -> list[Hole]:
        """Take out the holes that were noticed before a moment, and the lowest of too many: they are not waited for any more."""
        surplus = len(self.holes) - MAX_HOLES
        old = [hole for index, hole in enumerate(self.holes) if hole.since < before or index < surplus]
        if old:
            gone = set(old)
            self.holes = [hole for hole in self.holes if hole not in gone]
        return old


def _without(hole: Hole, number: int) -> list[Hole]:
    parts = (Hole(hole.first, number - 1, hole.since), Hole(number + 1, hole.last, hole.since))
    return [part for part in parts if part.first <= part.last]
