"""Pods that must not, or must, share a place with others, and pods that must be spread evenly.

What the neighbours say of a pod is worked out once, for the whole cluster, and then asked node by node: a large cluster has many of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from aetherius.edge_agent.kubernetes_objects import Node
from aetherius.edge_agent.repair.scheduling.pods import Document, SchedulingPod
from aetherius.edge_agent.repair.scheduling.selectors import fits_terms, selects

Place = tuple[str, str]
"""Topology key and its value."""


class Spread(msgspec.Struct, frozen=True):
    """One rule of even spreading, as things are: how many alike are where."""

    key: str
    counts: dict[str, int]
    least: int
    itself: int
    most: int

    def tilts(self, node: Node) -> bool:
        """Whether one more pod there makes the difference too large."""
        place = node.metadata.labels.get(self.key, "")
        return not place or self.counts.get(place, 0) + self.itself - self.least > self.most


class Neighbours(msgspec.Struct, frozen=True, kw_only=True):
    """What others say of one pod."""

    shunned: set[Place]
    """Places whose pods it shuns."""
    shunning: set[Place]
    """Places whose pods shun it."""
    together: list[set[Place]]
    """Of each group that it must be with: where that is."""
    spreads: list[Spread]

    def objection(self, node: Node) -> str:
        """Why they keep the pod off a node; empty when nothing does."""
        places = set(node.metadata.labels.items())
        if places & self.shunned:
            return "its anti-affinity"
        if places & self.shunning:
            return "the anti-affinity of a pod there"
        if not all(places & group for group in self.together):
            return "its affinity to other pods"
        return "its even spread" if any(each.tilts(node) for each in self.spreads) else ""


class Neighbourhood:
    """Which pods are where; `settle` adds one."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._nodes = {node.metadata.name: node for node in nodes}
        self._pods: list[tuple[SchedulingPod, Node]] = []
        self._shy: list[tuple[SchedulingPod, Node]] = []

    def settle(self, pod: SchedulingPod, name: str) -> None:
        """It runs there, or will."""
        if (node := self._nodes.get(name)) is not None:
            self._pods.append((pod, node))
            if pod.rules("podAntiAffinity"):
                self._shy.append((pod, node))

    def of(self, pod: SchedulingPod) -> Neighbours:
        """What those who are there say of a pod."""
        wanted = [each for each in pod.rules("podAffinity") if not self._is_first(each, pod)]
        return Neighbours(
            shunned={place for term in pod.rules("podAntiAffinity") for place in self._chosen(term, pod)},
            shunning=set(self._shunning(pod)),
            together=[set(self._chosen(term, pod)) for term in wanted],
            spreads=[self._spread(rule, pod) for rule in pod.spec.topology_spread_constraints if _must(rule)],
        )

    def _chosen(self, term: Document, pod: SchedulingPod) -> Iterator[Place]:
        for other, node in self._pods:
            if (place := _place(term, node)) and _chooses(term, pod.metadata.namespace, other):
                yield place

    def _is_first(self, term: Document, pod: SchedulingPod) -> bool:
        """The first of a group that wants to be together may go anywhere."""
        return _chooses(term, pod.metadata.namespace, pod) and not any(self._chosen(term, pod))

    def _shunning(self, pod: SchedulingPod) -> Iterator[Place]:
        for other, node in self._shy:
            for term in other.rules("podAntiAffinity"):
                if (place := _place(term, node)) and _chooses(term, other.metadata.namespace, pod):
                    yield place

    def _spread(self, rule: Document, pod: SchedulingPod) -> Spread:
        """A part of the topology that is empty, or cordoned, counts (the default)."""
        key = str(rule.get("topologyKey"))
        chosen = (node for node in self._nodes.values() if is_chosen(pod, node))
        counts = {node.metadata.labels[key]: 0 for node in chosen if node.metadata.labels.get(key)}
        for other, node in self._pods:
            place = node.metadata.labels.get(key, "")
            if place in counts and _is_alike(rule, pod, other):
                counts[place] += 1
        few = int(rule.get("minDomains") or 1) > len(counts)
        least = 0 if few else min(counts.values(), default=0)
        itself = int(selects(rule.get("labelSelector"), pod.metadata.labels))
        return Spread(key, counts, least, itself, int(rule.get("maxSkew", 1)))


def is_chosen(pod: SchedulingPod, node: Node) -> bool:
    """Whether the pod's own selector and node affinity choose the node."""
    labels, terms = node.metadata.labels, pod.rules("nodeAffinity")
    chosen = all(labels.get(key) == value for key, value in pod.spec.node_selector.items())
    return chosen and (not terms or fits_terms(terms, labels, node.metadata.name))


def _must(rule: Document) -> bool:
    return bool(rule.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule")


def _place(term: Document, node: Node) -> Place | None:
    key = str(term.get("topologyKey"))
    value = node.metadata.labels.get(key, "")
    return (key, value) if value else None


def _chooses(term: Document, own: str, other: SchedulingPod) -> bool:
    """Whether a term of a pod in the namespace `own` means the other pod. Namespaces chosen by labels are taken as all: rather one rule too many."""
    namespaces: Sequence[str] = term.get("namespaces") or ()
    anywhere = term.get("namespaceSelector") is not None
    here = anywhere or other.metadata.namespace in (namespaces or (own,))
    return here and not other.ended and selects(term.get("labelSelector"), other.metadata.labels)


def _is_alike(rule: Document, pod: SchedulingPod, other: SchedulingPod) -> bool:
    same = other.metadata.namespace == pod.metadata.namespace and not other.ended and not other.going
    if not (same and selects(rule.get("labelSelector"), other.metadata.labels)):
        return False
    keys = rule.get("matchLabelKeys") or ()
    return all(other.metadata.labels.get(key) == pod.metadata.labels.get(key) for key in keys)
