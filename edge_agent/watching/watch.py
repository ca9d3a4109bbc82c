"""Follows one kind of object: list, then watch from there, for ever, through whatever the API server does.

- 410 (the history is gone): list again.
- A stream that ended or was cut: watch again from the last version seen (bookmarks keep it fresh).
- Either at once, again and again (a proxy that lets no stream live): the same, after a pause that grows until a stream has outlived it.
- Nothing at all for minutes, not even a bookmark: list again. It may be a younger server (an etcd restored from a backup), which waits for a version that
  it has not reached.
- The server away, or any other refusal: wait, longer each time, then list again: a server that was away may be a younger one, which would answer an old
  version with silence.
Whatever is seen again is dropped by its id later, so listing again is always safe. Blocking: each watch has a thread of its own.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from typing import Final, Generic, TypeVar

import msgspec

from aetherius.edge_agent.errors import ClusterRefusedError, ClusterUnreachableError, WatchCutError, WatchExpiredError
from aetherius.edge_agent.kubernetes_api import KubernetesApi, WatchStream
from aetherius.edge_agent.kubernetes_objects import (
    ClusterEvent,
    Job,
    Metadata,
    Node,
    Pod,
    ReplicaSet,
    Watched,
    read_object,
)

logger = logging.getLogger(__name__)

WATCH_SECONDS: Final = 60
"""The server ends a watch after this; the next one goes on from the same version."""
SILENT_TURNS: Final = 5
"""Watches without a line, one after the other, after which the silence is not believed."""
IDLE_SECONDS: Final = 75.0
"""Without a byte for so long the connection is dead, whatever TCP says."""
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
"""Seconds between tries while the server is away."""
OPTIONAL_PAUSE: Final = 600.0
"""Seconds between tries of a watch that the agent can do without."""
FIRST_REST: Final = 0.1
"""Seconds between a stream that ended and the next one; twice as long after each one that did not outlive its rest, up to the longest pause."""
_PUT_SECONDS: Final = 0.5

T = TypeVar("T", bound=Watched)


class Listed(msgspec.Struct, frozen=True):
    """All objects of a kind have been listed: these, by uid. What is not among them went while nobody watched."""

    kind: str
    uids: frozenset[str]


class Change(msgspec.Struct, frozen=True):
    """An object as it is now, or as it was when it was deleted; or the end of a list."""

    object: Watched | Listed
    deleted: bool = False
    listed: bool = False
    """It stands in a list, which shows what is so now whatever a watch showed before."""


Changes = queue.Queue[Change]
"""The bounded hand-over to the collector: when it is full, the watches wait, and the API server keeps what they have not read."""


class _Bookmark(msgspec.Struct, frozen=True):
    metadata: Metadata


class Watch(Generic[T]):
    """One watch. `run` returns when `stop` is set; `close` wakes it up for that."""

    def __init__(
        self,
        api: KubernetesApi,
        path: str,
        kind: type[T],
        changes: Changes,
        stop: threading.Event,
        *,
        optional: bool = False,
    ) -> None:
        """`optional`: the agent does without it where it may not watch (rights of an older release), or nothing is served; it asks again from time to time."""
        self._optional = optional
        self._api = api
        self._path = path
        self._kind = kind
        self._changes = changes
        self._stop = stop
        self._version = ""
        self._stream: WatchStream | None = None
        self._pause = FIRST_PAUSE
        self._rest = FIRST_REST
        self._lived = 0.0
        """Seconds that the last stream could be read."""
        self._silent_turns = 0

    def run(self) -> None:
        """List and watch until told to stop."""
        while not self._stop.is_set():
            self._lived = 0.0
            try:
                self._turn()
            except WatchExpiredError:
                self._version = ""
            except WatchCutError as exc:
                logger.debug("watch cut", extra={"path": self._path, "reason": exc.reason})
            except (ClusterRefusedError, ClusterUnreachableError) as exc:
                self._recover(exc)
                continue
            self._take_rest()

    def close(self) -> None:
        """End the stream that is being read; `stop` must be set before."""
        stream = self._stream
        if stream is not None:
            stream.close()

    def _turn(self) -> None:
        if not self._version or self._silent_turns >= SILENT_TURNS:
            self._version = self._list()
            self._silent_turns = 0
        self._silent_turns += 1
        self._stream = self._api.watch(self._path, self._version, WATCH_SECONDS, IDLE_SECONDS)
        if self._stop.is_set():  # it was set before `close` could see the stream
            self._stream.close()
        begun = time.monotonic()
        try:
            self._follow(self._stream)
        finally:
            self._lived = time.monotonic() - begun

    def _take_rest(self) -> None:
        if self._lived > self._rest:
            self._rest = FIRST_REST
        self._stop.wait(self._rest * random.uniform(0.5, 1.5))  # noqa: S311 - spreads the reconnects of many watches
        self._rest = min(2 * self._rest, LONGEST_PAUSE)

    def _recover(self, exc: ClusterRefusedError | ClusterUnreachableError) -> None:
        if self._stop.is_set():
            return
        if self._optional and isinstance(exc, ClusterRefusedError) and exc.status in (403, 404):
            logger.info("does without a watch", extra={"path": self._path, "error": str(exc), "pause": OPTIONAL_PAUSE})
            self._version = ""
            self._stop.wait(OPTIONAL_PAUSE)
            return
        logger.warning("cannot watch", extra={"path": self._path, "error": str(exc), "pause": self._pause})
        self._version = ""
        self._stop.wait(self._pause * random.uniform(0.8, 1.2))  # noqa: S311
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _list(self) -> str:
        version, uids = "", []
        for page in self._api.pages(self._path):
            version = page.metadata.resource_version
            uids += [self._hand_over(item, deleted=False, listed=True).uid for item in page.items]
        if self._kind in (Pod, Node, Job):
            self._put(Change(Listed(self._kind.__name__, frozenset(uids))))
        return version

    def _follow(self, stream: WatchStream) -> None:
        for line in stream:
            self._pause = FIRST_PAUSE
            self._silent_turns = 0
            if line.type == "BOOKMARK":
                said = msgspec.json.decode(line.object, type=_Bookmark).metadata.resource_version
                if _is_before(said, self._version):  # a younger server: what we know is not its history
                    self._version = ""
                    return
                self._version = said
            else:
                self._version = (
                    self._hand_over(line.object, deleted=line.type == "DELETED").resource_version or self._version
                )
            if self._stop.is_set():
                return

    def _hand_over(self, raw: msgspec.Raw, *, deleted: bool, listed: bool = False) -> Metadata:
        try:
            found = read_object(raw, self._kind)
        except (msgspec.DecodeError, ValueError) as exc:  # one odd object must not blind us to the others
            logger.warning("cannot read an object", extra={"path": self._path, "error": str(exc)})
            return msgspec.json.decode(raw, type=_Bookmark).metadata
        self._put(Change(found, deleted, listed))
        return found.metadata

    def _put(self, change: Change) -> None:
        while not self._stop.is_set():
            try:
                self._changes.put(change, timeout=_PUT_SECONDS)
                break
            except queue.Full:
                continue


def _is_before(version: str, other: str) -> bool:
    return version.isdigit() and other.isdigit() and int(version) < int(other)


def watches(api: KubernetesApi, changes: Changes, stop: threading.Event) -> tuple[Watch[Watched], ...]:
    """The five watches of the agent. ReplicaSets and pods also tell who owns what. Without that of Jobs, events still tell how they end."""
    kinds: tuple[tuple[str, type[Watched]], ...] = (
        ("/apis/apps/v1/replicasets", ReplicaSet),
        ("/api/v1/pods", Pod),
        ("/api/v1/nodes", Node),
        ("/apis/batch/v1/jobs", Job),
        ("/api/v1/events", ClusterEvent),
    )
    return tuple(Watch(api, path, kind, changes, stop, optional=kind is Job) for path, kind in kinds)
