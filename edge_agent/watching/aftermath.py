"""What became of the objects that failed and are gone: the one sign of a trouble that a person ended by replacing its pods.

Of a pod that was reported as failing and does not exist any more, its owner is looked at from time to time. It is told once, for each such pod, and only
what was seen for the whole soak time: that the owner's rollout is complete, all of it available, and none of its pods known to fail (`PodReplaced`); or
that the owner is gone too (`PodRemoved`). A pod without an owner is looked for under its own name, and so is a node (`NodeReady`, `NodeRemoved`).
Of an owner of a kind that we cannot read (a custom resource) its pods are looked at: all there are must be Ready. Nothing is told of an owner that asks for no
pods, of a kind that does not say whether it is well, or while the API server does not answer.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from aetherius.domain.errors import InfrastructureError
from aetherius.domain.wire.event import Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.edge_agent.telling.failing import FailingObject
from aetherius.edge_agent.telling.observation import Observation, shortened
from aetherius.edge_agent.telling.spool import MAX_FAILING, Spool
from aetherius.edge_agent.watching.owners import Owner, Owners
from aetherius.edge_agent.watching.rollout import path_of, wanted_replicas, why_incomplete
from aetherius.runtime.clock import Clock, utc_now

PERIOD: Final = 5.0
"""Seconds between looks at an owner, as long as something is true of it that would be told."""
LONGEST_PERIOD: Final = 60.0
"""Seconds between looks at one of which there is nothing to tell; doubled up to this."""
MAX_GONE: Final = 86_400.0
"""Seconds after which nobody asks any more what became of an object."""

_REASONS: Final = {
    ("Pod", "well"): "PodReplaced",
    ("Pod", "absent"): "PodRemoved",
    ("Node", "well"): "NodeReady",
    ("Node", "absent"): "NodeRemoved",
}


State = Literal["well", "absent", "unknown"]


class Place(msgspec.Struct, frozen=True):
    """Where to look: the owner, or the object's own name."""

    kind: str
    namespace: str
    name: str


class LastLook(msgspec.Struct, frozen=True):
    """What the last look at a place found, since when it is so, and when to look again."""

    state: State
    since: datetime
    look_at: datetime
    pause: float
    words: str = ""


class Aftermath:
    """Looks, and puts what it can tell into the spool. One thread."""

    def __init__(
        self,
        cluster_id: str,
        find: Callable[[str], dict[str, Any] | None],
        spool: Spool,
        *,
        soak: float,
        clock: Clock = utc_now,
        owners: Owners | None = None,
    ) -> None:
        """`find` reads one object (or a list) by its path, None for absent. `soak`: seconds that something must be true to be told. `owners`: who owns the
        pods of a kind that we cannot read; asked of `find` if None."""
        self._cluster_id, self._find, self._spool, self._clock = cluster_id, find, spool, clock
        self._owners = owners or Owners(find)
        self._soak = timedelta(seconds=soak)
        self._looks: dict[Place, LastLook] = {}

    def run(self, stop: threading.Event, on_new: Callable[[], None]) -> None:
        """Look until `stop`. `on_new` is called when something new was told."""
        while not stop.wait(min(PERIOD, self._soak.total_seconds() / 2 + 0.1)):
            if self.look():
                on_new()

    def look(self) -> int:
        """Look at every place that is due; how many objects something was told of."""
        failing = self._spool.failing()
        if len(failing) >= MAX_FAILING:
            return 0  # not every failing pod is known then
        self._spool.forget(uid for uid, found in failing.items() if self._is_hopeless(found))
        alive = {_place(found) for found in failing.values() if not found.gone_at}
        gone = defaultdict[Place, list[str]](list)
        for uid, found in failing.items():
            if found.gone_at:
                gone[_place(found)].append(uid)
        self._looks = {place: look for place, look in self._looks.items() if place in gone}
        told = [
            self._observation(uid, failing[uid], place, look)
            for place, uids in gone.items()
            if (look := self._ripe(place, alive))
            for uid in uids
        ]
        return self._spool.add(told) if told else 0

    def _is_hopeless(self, found: FailingObject) -> bool:
        """It is of a kind that we cannot look at, or gone for too long."""
        if not found.gone_at:
            return False
        return _path(_place(found)) is None or found.gone_at < self._clock().timestamp() - MAX_GONE

    def _ripe(self, place: Place, alive: set[Place]) -> LastLook | None:
        """How it stands, if it has stood so for the soak time."""
        now, before = self._clock(), self._looks.get(place)
        if _path(place) is None or (before and before.look_at > now):
            return None
        state, words = self._state(place) if place not in alive else ("unknown", "")
        same = before is not None and (before.state, before.words) == (state, words)
        since = before.since if before and same else now
        if state == "unknown":
            pause = min(before.pause * 2, LONGEST_PERIOD) if before else PERIOD
        else:
            pause = min(PERIOD, self._soak.total_seconds())
        look_at = now + timedelta(seconds=pause)
        look = LastLook(state=state, since=since, look_at=look_at, pause=pause, words=words)
        self._looks[place] = look
        return look if state != "unknown" and now - since >= self._soak else None

    def _state(self, place: Place) -> tuple[State, str]:
        path = _path(place)
        assert path is not None, "only what has a path is looked at"
        try:
            found = self._find(path)
            if path_of(place.kind, place.namespace, place.name) is None:
                return self._of_pods(place, (found or {}).get("items") or [])
        except InfrastructureError:
            return "unknown", ""
        if found is None:
            return "absent", ""
        wanted = wanted_replicas(place.kind, found)
        if not wanted or why_incomplete(place.kind, found):
            return "unknown", ""
        generation = found["metadata"].get("generation")
        return "well", f"{wanted} of {wanted} available" + (f", generation {generation}" if generation else "")

    def _of_pods(self, place: Place, pods: list[dict[str, Any]]) -> tuple[State, str]:
        """Of an owner that we cannot read: whether it has pods, and all of them are Ready."""
        owner = Owner(place.kind, place.name)
        its = [each for each in pods if self._owners.top("Pod", place.namespace, each["metadata"]["name"]) == owner]
        if not its or any(why_incomplete("Pod", each) for each in its):
            return "unknown", ""
        return "well", f"{len(its)} of {len(its)} pods Ready"

    def _observation(self, uid: str, gone: FailingObject, place: Place, look: LastLook) -> Observation:
        at, kind = self._clock(), gone.labels.kind
        reason = _REASONS[kind, look.state]
        return Observation(
            id=observation_id(self._cluster_id, at, uid, reason),
            cluster_id=self._cluster_id,
            timestamp=at,
            source="node_status" if kind == "Node" else "container_status",
            severity=Severity.LOW,
            reason=reason,
            message=shortened(_told(gone, place, look, self._soak)),
            namespace=gone.namespace,
            labels=gone.labels,
            uid=uid,
            failing=False,
            after_failure=True,
        )


def _place(found: FailingObject) -> Place:
    labels = found.labels
    if labels.owner_kind and labels.kind != "Node":  # a node's zone owns nothing
        return Place(labels.owner_kind, found.namespace, labels.owner_name)
    return Place(labels.kind, found.namespace, labels.name)


def _path(place: Place) -> str | None:
    """Of the object itself, or of the pods in its namespace where we do not know how to read it."""
    known = path_of(place.kind, place.namespace, place.name)
    return known or (f"/api/v1/namespaces/{place.namespace}/pods" if place.namespace else None)


def _told(gone: FailingObject, place: Place, look: LastLook, soak: timedelta) -> str:
    name, seconds = gone.labels.name, soak.total_seconds()
    owned = (place.kind, place.name) != (gone.labels.kind, name)
    if look.state == "absent":
        return f"{name} is gone" + (f", and so is {place.kind} {place.name}" if owned else " and was not replaced")
    what = f"{place.kind} {place.name}" if owned else f"another {place.kind} of its name"
    return f"{name} is gone; {what} is complete ({look.words}) and showed no failure for {seconds:g} s"
