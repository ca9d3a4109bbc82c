"""watch: the changes after a revision as JSON lines, with bookmarks.

A watch without a revision (or with 0) begins with what there is; sendInitialEvents closes that with a marked bookmark.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

from aetherius.simulator.api.query import Options, Target
from aetherius.simulator.api.reading import chosen, wants_table
from aetherius.simulator.api.tables import table
from aetherius.simulator.cluster import Cluster
from aetherius.simulator.documents import Document, copied
from aetherius.simulator.errors import ApiError
from aetherius.simulator.object_store import Change

_BOOKMARK_LEAD = 2.0  # seconds before the end at which the last bookmark is sent, as the API server does


class Watch:
    """One open watch."""

    def __init__(self, cluster: Cluster, target: Target, options: Options, accept: str, stop: asyncio.Event) -> None:
        self._cluster = cluster
        self._store = cluster.store
        self._target = target
        self._options = options
        self._table = wants_table(accept)
        self._fits = chosen(target, options)
        self._stop = stop
        self._bookmarks = options.flag("allowWatchBookmarks")
        self._initial = options.flag("sendInitialEvents")
        self._from = options.revision() or 0

    async def lines(self) -> AsyncIterator[bytes]:
        """The watch's events, until its timeout, the server's stop or an ERROR event (410)."""
        with self._store.listening() as changed:
            try:
                for line in self._begin():
                    yield line
                async for line in self._follow(changed):
                    yield line
            except ApiError as exc:
                yield _line("ERROR", exc.status())

    def _begin(self) -> Iterator[bytes]:
        if self._from > 0 and not self._initial:
            return
        self._from = self._store.revision
        for document in self._store.all(self._target.kind, self._target.namespace):
            if self._fits(document):
                yield self._event("ADDED", document)
        if self._initial and self._bookmarks:
            yield self._bookmark({"k8s.io/initial-events-end": "true"})

    async def _follow(self, changed: asyncio.Event) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        timeout = self._options.number("timeoutSeconds") or self._cluster.settings.watch_timeout
        end = loop.time() + timeout
        bookmark = loop.time() + min(self._cluster.settings.bookmark_interval, max(timeout - _BOOKMARK_LEAD, 0.1))
        while not self._stop.is_set() and loop.time() < end:
            changed.clear()
            for change in self._store.changes(self._from):
                self._from = change.revision
                if (line := self._seen(change)) is not None:
                    yield line
            if self._bookmarks and loop.time() >= bookmark:
                yield self._bookmark({})
                bookmark = loop.time() + self._cluster.settings.bookmark_interval
            await self._wait(changed, min(end, bookmark if self._bookmarks else end) - loop.time())

    async def _wait(self, changed: asyncio.Event, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, min(seconds, 1.0))):  # a second: how soon a stop is noticed
                await changed.wait()
        except TimeoutError:
            return

    def _seen(self, change: Change) -> bytes | None:
        """A change as this watch sees it: a document that begins to fit is ADDED, one that ceases to is DELETED."""
        if change.kind is not self._target.kind:
            return None
        before = change.before is not None and self._fits(change.before)
        after = change.action != "DELETED" and self._fits(change.after)
        if not before and not after:
            return None
        action = "MODIFIED" if before and after else "ADDED" if after else "DELETED"
        return self._event(action, change.after)

    def _event(self, action: str, document: Document) -> bytes:
        if not self._table:
            return _line(action, document)
        metadata = {"resourceVersion": document["metadata"]["resourceVersion"]}
        include = self._options.text("includeObject") or "Metadata"
        return _line(action, table(self._target.kind, [document], metadata, self._cluster.clock(), include))

    def _bookmark(self, annotations: dict[str, str]) -> bytes:
        kind = self._target.kind
        metadata: Document = {"resourceVersion": str(self._from), "creationTimestamp": None}
        metadata |= {"annotations": copied(annotations)} if annotations else {}
        if self._table:
            return _line(
                "BOOKMARK",
                {
                    "kind": "Table",
                    "apiVersion": "meta.k8s.io/v1",
                    "metadata": metadata,
                    "columnDefinitions": [],
                    "rows": [],
                },
            )
        return _line("BOOKMARK", {"kind": kind.name, "apiVersion": kind.api_version, "metadata": metadata})


def _line(action: str, document: Document) -> bytes:
    return json.dumps({"type": action, "object": document}, separators=(",", ":")).encode() + b"\n"
