"""The simulated etcd: objects by kind, one revision counter, and a bounded history that watches follow.

Documents handed out must not be changed; `modify` gives a copy to change. A watch keeps only a revision: it reads the
history from there, so a slow one costs nothing, and finds `ApiError` 410 when the history has moved past it.
"""

from __future__ import annotations

import asyncio
import uuid
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from aetherius.simulator.documents import Document, copied, name_of, namespace_of, stamp
from aetherius.simulator.errors import conflict, exists, expired, not_found
from aetherius.simulator.kinds import Kind

_Key = tuple[str, str]


@dataclass(frozen=True)
class Change:
    """One entry of the history: `before` is None for a creation, `after` always the object as it was last."""

    revision: int
    kind: Kind
    action: str
    before: Document | None
    after: Document


class ObjectStore:
    """Every object of one cluster. Not for threads: all its users share one event loop."""

    def __init__(self, clock: Callable[[], datetime], history_limit: int) -> None:
        self._clock = clock
        self._limit = history_limit
        self._objects: dict[Kind, dict[_Key, Document]] = {}
        self._history: list[Change] = []
        self._waiting: set[asyncio.Event] = set()
        self.revision = 1
        self.oldest = 1
        """A watch may start from this revision or later."""

    def find(self, kind: Kind, namespace: str, name: str) -> Document | None:
        """The object, or None."""
        return self._objects.get(kind, {}).get((namespace, name))

    def get(self, kind: Kind, namespace: str, name: str) -> Document:
        """The object; raises `ApiError` 404."""
        found = self.find(kind, namespace, name)
        if found is None:
            raise not_found(kind.plural, kind.group, name)
        return found

    def all(self, kind: Kind, namespace: str = "") -> list[Document]:
        """The objects of a kind (in a namespace, if one is named), in the order of namespace and name."""
        held = self._objects.get(kind, {})
        return [held[key] for key in sorted(held) if not namespace or key[0] == namespace]

    def create(self, kind: Kind, document: Document) -> Document:
        """Store a new object with uid, creation time and revision; raises `ApiError` 409 if the name is taken."""
        if self.find(kind, namespace_of(document), name_of(document)) is not None:
            raise exists(kind.qualified, name_of(document))
        new = self.stamped(kind, document)
        return self._commit(kind, "ADDED", None, new)

    def stamped(self, kind: Kind, document: Document) -> Document:
        """A copy with what the server gives a new object."""
        new = copied(document)
        new |= {"kind": kind.name, "apiVersion": kind.api_version}
        new["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": stamp(self._clock())}
        if kind.has_generation:
            new["metadata"]["generation"] = 1
        return new

    def replace(self, kind: Kind, document: Document) -> Document:
        """Store a new state; an equal one changes nothing.

        Raises `ApiError` 404 if it is gone, 409 if `document` carries the resourceVersion of an older state.
        """
        name = name_of(document)
        old = self.get(kind, namespace_of(document), name)
        claimed = document["metadata"].get("resourceVersion")
        if claimed and claimed != old["metadata"]["resourceVersion"]:
            why = "the object has been modified; please apply your changes to the latest version and try again"
            raise conflict(kind.qualified, name, why)
        if document == old:
            return old
        new = copied(document)
        if kind.has_generation and new.get("spec") != old.get("spec"):
            new["metadata"]["generation"] = old["metadata"]["generation"] + 1
        return self._commit(kind, "MODIFIED", old, new)

    def remove(self, kind: Kind, namespace: str, name: str) -> Document:
        """Take an object out; raises `ApiError` 404."""
        old = self.get(kind, namespace, name)
        return self._commit(kind, "DELETED", old, copied(old))

    @contextmanager
    def modify(self, kind: Kind, document: Document) -> Iterator[Document]:
        """A copy of the present state to change; it is stored at the end of the block."""
        draft = copied(self.get(kind, namespace_of(document), name_of(document)))
        yield draft
        self.replace(kind, draft)

    def changes(self, after: int) -> list[Change]:
        """The history after a revision; raises `ApiError` 410 if part of it is gone."""
        if after < self.oldest:
            raise expired(after, self.oldest)
        return self._history[bisect_right(self._history, after, key=lambda change: change.revision) :]

    def forget(self) -> None:
        """Drop the whole history, as a compaction does."""
        self._history.clear()
        self.oldest = self.revision

    @contextmanager
    def listening(self) -> Iterator[asyncio.Event]:
        """An event that is set at every change, until the block ends."""
        changed = asyncio.Event()
        self._waiting.add(changed)
        try:
            yield changed
        finally:
            self._waiting.discard(changed)

    def wake(self) -> None:
        """Wake all who listen without a change, so that they look whether they are to stop."""
        for changed in self._waiting:
            changed.set()

    def _commit(self, kind: Kind, action: str, before: Document | None, after: Document) -> Document:
        self.revision += 1
        after["metadata"]["resourceVersion"] = str(self.revision)
        key = (namespace_of(after), name_of(after))
        held = self._objects.setdefault(kind, {})
        if action == "DELETED":
            del held[key]
        else:
            held[key] = after
        self._history.append(Change(self.revision, kind, action, before, after))
        self._trim()
        self.wake()
        return after

    def _trim(self) -> None:
        surplus = len(self._history) - self._limit
        if surplus > self._limit // 10:  # in slices: taking one off the front each time would copy the list
            self.oldest = self._history[surplus - 1].revision
            del self._history[:surplus]
