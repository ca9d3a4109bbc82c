"""All kinds of shared things that this process knows."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from aetherius.domain.cluster_event import Reported
from aetherius.domain.entries import entries_of
from aetherius.domain.fault import sharing as folder
from aetherius.domain.fault.fault import Fault
from aetherius.domain.fault.sharing.shared_thing import SharedCause, SharedThing


class SharedKinds:
    """A set of entries; immutable."""

    def __init__(self, entries: Iterable[SharedCause]) -> None:
        self._entries = tuple(entries)
        self._by_kind = {kind: entry for entry in self._entries for kind in entry.kinds}

    def of(self, kind: str) -> SharedCause | None:
        """The entry of a kind; None for one that this version does not know."""
        return self._by_kind.get(kind)

    def pointed_to(self, report: Reported, shown: Fault) -> list[SharedThing]:
        """All things that a sign points to."""
        found = (entry.pointed_to(report, shown) for entry in self._entries)
        return [thing for thing in found if thing is not None]

    def enough(self, thing: SharedThing) -> int:
        """How many members make its incident."""
        return self._by_kind[thing.kind].enough

    @property
    def causes(self) -> dict[str, frozenset[str]]:
        """The causes of all kinds, words by code."""
        merged: dict[str, frozenset[str]] = {}
        for entry in self._entries:
            for code, words in entry.causes.items():
                merged[code] = merged.get(code, frozenset()) | words
        return merged


@cache
def shipped_kinds() -> SharedKinds:
    """The entries of this folder."""
    return SharedKinds(entries_of(folder, SharedCause))  # type: ignore[type-abstract]
