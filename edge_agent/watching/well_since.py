"""Which pods and nodes are well now, and since when: an event that is older than that tells of what is over. Events are kept for an hour and more, and a fresh list
shows them all again; nothing would ever tell the end of trouble that ended before it was read of.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final

import msgspec

from aetherius.edge_agent.kubernetes_objects import Node, Pod

MAX_KNOWN: Final = 50_000
"""Pods and nodes remembered; the longest unchanged are forgotten first."""
PAST: Final = "past"
GONE: Final = "leaving"
"""The pod went before anybody here saw it."""
_LATE: Final = timedelta(minutes=1)
"""By how much a pod that is listed now may be older than its first events: the clocks of nodes differ."""


_MIRROR: Final = "kubernetes.io/config.mirror"
"""Annotation of a static pod's copy in the API: the uid by which its kubelet's events name it."""


class _Known(msgspec.Struct, frozen=True):
    uid: str
    mirror: str
    since: datetime | None
    """Since when it is Ready; None where it is not."""
    calm_since: datetime | None
    """Since when none of its containers has ended, of one that restarted; None of any other."""


class WellSince:
    """For one thread."""

    def __init__(self, calm: timedelta, clock: Callable[[], datetime]) -> None:
        """`calm`: that none of its containers may end for a pod that restarted to count as well."""
        self._calm, self._clock = calm, clock
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()
        self._listed_at: datetime | None = None

    def learn_node(self, node: Node) -> None:
        """Remember how it stands."""
        ready, metadata = node.ready, node.metadata
        since = ready.last_transition_time if ready and ready.status == "True" else None
        self._remember(("", metadata.name), _Known(metadata.uid, "", since, None))

    def learn_pod(self, pod: Pod) -> None:
        """Remember how it stands."""
        ready, metadata = pod.condition("Ready"), pod.metadata
        since = ready.last_transition_time if ready and ready.status == "True" else None
        ends = _ends(pod)
        calm_since = max([since, *ends]) if since and (ends or _restarted(pod)) else None
        known = _Known(metadata.uid, metadata.annotations.get(_MIRROR, ""), since, calm_since)
        self._remember((metadata.namespace, metadata.name), known)

    def _remember(self, key: tuple[str, str], known: _Known) -> None:
        self._known[key] = known
        self._known.move_to_end(key)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
            self._listed_at = None  # who is not known may be forgotten

    def note_listed(self, uids: Collection[str]) -> None:
        """These are all pods there are."""
        self._listed_at = self._clock() if len(uids) < MAX_KNOWN else None

    def uid_of(self, namespace: str, name: str, said: str) -> str:
        """The uid of the pod that an event is about. Some say none, and those of static pods another one."""
        known = self._known.get((namespace, name))
        return known.uid if known and said in ("", known.mirror) else said

    def is_ready(self, namespace: str, pod: str) -> bool:
        """Whether it is known to be Ready now."""
        known = self._known.get((namespace, pod))
        return known is not None and known.since is not None

    def excuse_of_node(self, name: str, at: datetime) -> str:
        """Why what happened to a node at a moment is no news; empty where it is."""
        known = self._known.get(("", name))
        return PAST if known and known.since and at < known.since else ""

    def excuse_of_pod(self, namespace: str, name: str, at: datetime) -> str:
        """Why what happened to a pod, or to one of its name before it, at a moment is no news; empty where it is."""
        known = self._known.get((namespace, name))
        if known is None:
            return GONE if self._listed_at is not None and at < self._listed_at - _LATE else ""
        if known.since is None or at >= known.since:
            return ""
        is_calm = known.calm_since is None or known.calm_since + self._calm <= self._clock()
        return PAST if is_calm else ""


def _restarted(pod: Pod) -> bool:
    return any(each.restart_count for each in (*pod.status.init_container_statuses, *pod.status.container_statuses))


def _ends(pod: Pod) -> list[datetime]:
    statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses)
    ends = (each.last_state.terminated.finished_at for each in statuses if each.last_state.terminated)
    return [at for at in ends if at]
