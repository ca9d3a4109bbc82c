"""The index compared with a replay of the log, document for document, while it goes on serving."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

import anyio.to_thread
import msgspec

from aetherius.event_store.log import Log
from aetherius.projections.search.document import Document, Kind
from aetherius.projections.search.documents import Documents
from aetherius.projections.search.index import SearchIndex
from aetherius.projections.search.indexer import NAME
from aetherius.projections.search.opening import SearchServer
from aetherius.projections.search.parked import parked
from aetherius.projections.search.rebuilding import Progress, held, live_generation

SHOWN: Final = 100
"""Differences that are named at most; all are counted."""
_PAGE: Final = 2_000
_WINDOW: Final = 10_000
_SOME: Final = 500


class Differing(msgspec.Struct, frozen=True):
    """A document that is not as the log says. `how`: `missing`, `extra` or `different`."""

    id: str
    how: str


class VerifiedIndex(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, as of one position."""

    position: int
    documents: int
    """Compared."""
    parked: int
    """Left out, as they wait for `aetherius search-index retry`."""
    count: int
    """That differ."""
    differences: list[Differing]


class _Found:
    """What differs so far."""

    def __init__(self, excused: frozenset[str]) -> None:
        self._excused = excused
        self.compared = 0
        self.count = 0
        self.named: list[Differing] = []

    def compare(self, wanted: dict[str, Document], held: dict[str, Document]) -> None:
        """Documents by id: as the log says, and as they are."""
        self.compared += len(wanted)
        for id, document in wanted.items():
            if id not in held:
                self._note(id, "missing")
            elif held[id] != document:
                self._note(id, "different")
        for id in held.keys() - wanted.keys():
            self._note(id, "extra")

    def _note(self, id: str, how: str) -> None:
        if id in self._excused:
            return
        self.count += 1
        if len(self.named) < SHOWN:
            self.named.append(Differing(id, how))


async def verify(dsn: str, log: Log, server: SearchServer, progress: Progress | None = None) -> VerifiedIndex:
    """Compare the index that serves with a replay of the log, as of the position that it stands at now. Memory: a page, and the incidents.

    Raises:
        RebuildRunsError: another process builds or verifies it.
        SearchUnavailableError, ReadModelUnavailableError: a server is away; safe to repeat.
    """
    async with held(dsn) as connection:
        index = server.generations(await live_generation(connection.cursor(), server.backend))
        position = min(await anyio.to_thread.run_sync(log.checkpoint, NAME), await anyio.to_thread.run_sync(log.head))
        await index.refresh()
        excused = frozenset(each.document_id for each in await anyio.to_thread.run_sync(parked, dsn))
        found = _Found(excused)
        await _compare(log, index, position, found, progress)
        return VerifiedIndex(
            position=position,
            documents=found.compared,
            parked=len(excused),
            count=found.count,
            differences=found.named,
        )


async def _compare(log: Log, index: SearchIndex, position: int, found: _Found, progress: Progress | None) -> None:
    documents = Documents(log)
    wanted_incidents: dict[str, Document] = {}
    held_incidents: dict[str, Document] = {}
    after = 0
    while after < position:
        page = await anyio.to_thread.run_sync(log.read_page, after, _PAGE, (), position)
        wanted = await anyio.to_thread.run_sync(documents.of, page.events)
        there = await index.window(after, page.next_position, _WINDOW)
        found.compare(_apart(wanted, wanted_incidents), _apart(there, held_incidents))
        after = page.next_position
        if progress:
            progress(after, position)
    await _compare_incidents(log, index, wanted_incidents, held_incidents, found)


def _apart(documents: Iterable[Document], incidents: dict[str, Document]) -> dict[str, Document]:
    """By id, those that never change; the others are set aside, the last one of each counts."""
    lasting: dict[str, Document] = {}
    for each in documents:
        (incidents if each.kind is Kind.INCIDENT else lasting)[each.id] = each
    return lasting


async def _compare_incidents(
    log: Log, index: SearchIndex, wanted: dict[str, Document], held: dict[str, Document], found: _Found
) -> None:
    """Incidents that went on meanwhile are compared as they are now."""
    moved = [id for id, document in wanted.items() if id not in held or held[id].position != document.position]
    for start in range(0, len(moved), _SOME):
        some = moved[start : start + _SOME]
        now = await index.get(some)
        for id in some:
            if id in now:
                held[id] = now[id]
                wanted[id] = await _as_of(log, now[id], wanted[id])
            else:
                held.pop(id, None)
    found.compare(wanted, held)


async def _as_of(log: Log, document: Document, otherwise: Document) -> Document:
    """What the log says of an incident at the position of a document, if that is one of its events."""
    read = partial(log.read, document.position - 1, 1, (), document.position)
    events = await anyio.to_thread.run_sync(read)
    if document.position < otherwise.position:
        return otherwise
    made = await anyio.to_thread.run_sync(Documents(log).of, events)
    return next((each for each in made if each.id == document.id), otherwise)
