"""Pods that must not, or must, share a place with others, and pods that must be spread evenly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from aetherius.edge_agent.kubernetes_objects import Node
from aetherius.edge_agent.repair.scheduling.pods import Document, SchedulingPod
from aetherius.edge_agent.repair.scheduling.selectors import fits_terms, selects


class Neighbourhood:
    """Which pods are where; `settle` adds one."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._nodes = {node.metadata.name: node for node in nodes}
        self._pods: dict[str, list[SchedulingPod]] = {name: [] for name in self._nodes}

    def settle(self, pod: SchedulingPod, node: str) -> None:
        """It runs there, or will."""
        self._pods.setdefault(node, []).append(pod)

    def objection(self, pod: SchedulingPod, node: Node) -> str:
        """Why the pods that are there keep this one off a node; empty when nothing does."""
        if any(self._meets(term, pod, node) for term in pod.rules("podAntiAffinity")):
            return "its anti-affinity"
        if self._is_shunned(pod, node):
            return "the anti-affinity of a pod there"
        if any(not self._meets(term, pod, node) and not _wants_itself(term, pod) for term in pod.rules("podAffinity")):
            return "its affinity to other pods"
        return (
            "its even spread"
            if any(self._tilts(rule, pod, node) for rule in pod.spec.topology_spread_constraints)
            else ""
        )

    def _meets(self, term: Document, pod: SchedulingPod, node: Node) -> bool:
        """Whether a pod that a term chooses is in the node's part of the topology."""
        return any(_chooses(term, pod.metadata.namespace, other) for other in self._in_domain(term, node))

    def _is_shunned(self, pod: SchedulingPod, node: Node) -> bool:
        for name, others in self._pods.items():
            there = self._nodes.get(name)
            for other in others if there is not None else ():
                for term in other.rules("podAntiAffinity"):
                    if (
                        _chooses(term, other.metadata.namespace, pod)
                        and _domain(term, there) == _domain(term, node) != ""
                    ):
                        return True
        return False

    def _in_domain(self, term: Document, node: Node) -> Iterator[SchedulingPod]:
        place = _domain(term, node)
        for name, others in self._pods.items():
            there = self._nodes.get(name)
            if place and there is not None and _domain(term, there) == place:
                yield from others

    def _tilts(self, rule: Document, pod: SchedulingPod, node: Node) -> bool:
        """Whether one more pod there would make the difference too large. A part of the topology that is empty, or cordoned, counts (the default)."""
        if rule.get("whenUnsatisfiable", "DoNotSchedule") != "DoNotSchedule":
            return False
        counts = self._counts(rule, pod)
        place = _domain(rule, node)
        if not place:
            return True
        few = int(rule.get("minDomains") or 1) > len(counts)
        least = 0 if few else min(counts.values(), default=0)
        itself = int(selects(rule.get("labelSelector"), pod.metadata.labels))
        return counts.get(place, 0) + itself - least > int(rule.get("maxSkew", 1))

    def _counts(self, rule: Document, pod: SchedulingPod) -> Mapping[str, int]:
        counts: dict[str, int] = {}
        for name, node in self._nodes.items():
            if (place := _domain(rule, node)) and is_chosen(pod, node):
                matching = (_is_alike(rule, pod, other) for other in self._pods[name])
                counts[place] = counts.get(place, 0) + sum(matching)
        return counts


def is_chosen(pod: SchedulingPod, node: Node) -> bool:
    """Whether the pod's own selector and node affinity choose the node."""
    labels, terms = node.metadata.labels, pod.rules("nodeAffinity")
    chosen = all(labels.get(key) == value for key, value in pod.spec.node_selector.items())
    return chosen and (not terms or fits_terms(terms, labels, node.metadata.name))


def _domain(term: Document, node: Node | None) -> str:
    return node.metadata.labels.get(str(term.get("topologyKey")), "") if node is not None else ""


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


def _wants_itself(term: Document, pod: SchedulingPod) -> bool:
    """The first of a group that wants to be together may go anywhere."""
    return _chooses(term, pod.metadata.namespace, pod)
