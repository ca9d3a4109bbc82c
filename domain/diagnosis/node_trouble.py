"""What is the matter with a node that is not ready, by what its kubelet said, or by its silence; and what helps.

`Ready=False` is the word of a kubelet that lives: it says what it lacks, and its pods may run on. `Ready=Unknown` is nobody's word: the kubelet has not been
heard of, because the machine is dead, or off, or cut off while its pods run and write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec

from aetherius.domain.repair.node_health import NodeHealthAnswer
from aetherius.domain.wire.analysis import Evidence

UNREACHABLE: Final = "NodeUnreachable"
OFF: Final = "NodeOff"
KUBELET: Final = "KubeletNotReady"
RUNTIME: Final = "NodeRuntimeDown"
NETWORK: Final = "NodeNetworkNotReady"
DISK: Final = "NodeDiskShort"
MEMORY: Final = "NodeMemoryShort"
PIDS: Final = "NodePidsShort"
KERNEL: Final = "NodeKernelFault"

_MAX_READ: Final = 4096
_FRESH: Final = 1.5
"""Of a lease's own duration: renewed within it, its kubelet lives."""
_SAID: Final = tuple(
    (cause, re.compile(words))
    for cause, words in (
        (NETWORK, r"\bcni\b|network plugin|networkplugin|networkready=false|networknotready|network not ready"),
        (KERNEL, r"read-only file system|readonly|kernel|deadlock"),
        (DISK, r"no space left|disk|image filesystem|\binodes?\b"),
        (PIDS, r"\bpids?\b|fork: |resource temporarily unavailable"),
        (MEMORY, r"out of memory|insufficient memory|cannot allocate memory"),
        (RUNTIME, r"runtime|containerd|cri-o|dockerd?\b|pleg"),
    )
)
_CONDITIONS: Final = tuple(
    (cause, re.compile(words))
    for cause, words in (
        (KERNEL, r"Deadlock|Readonly|ReadOnly|Kernel|Corrupt|Xfs|Bad|Fault|Storage"),
        (NETWORK, r"Network"),
        (RUNTIME, r"Runtime|Containerd|Docker"),
        (DISK, r"Disk"),
        (MEMORY, r"Memory"),
        (PIDS, r"PID"),
    )
)
"""What a condition's type speaks of: asked where the kubelet does not say what it lacks."""
_ADVICE: Final = {
    UNREACHABLE: "it is dead or cut off, which nobody can tell from here: look at the machine at its cloud or console; pods whose data only one may write are "
    "let go by force only once it is known to be off",
    OFF: "the machine is off: start it, or let its pods go",
    RUNTIME: "look at the container runtime on the node, and start it again there; containers that run may run on, but none can be started or stopped",
    NETWORK: "look at the network plugin's own pod on the node, and at its configuration there: pods that run keep their network, and a drain mends nothing",
    DISK: "free the disk: the kubelet evicts by itself, and takes no new pods until there is room",
    MEMORY: "find what takes the memory: the kubelet evicts by itself, and a drain would take the load elsewhere",
    PIDS: "find what starts so many processes: a drain would take it elsewhere",
    KERNEL: "replace the machine: what its kernel or disk does is not mended from the cluster",
    KUBELET: "look at the kubelet's own log on the node",
}
_MOVES: Final = frozenset({UNREACHABLE, OFF, RUNTIME, KERNEL, KUBELET})
"""Causes for which it helps to have the pods elsewhere."""


class NodeTroubleFound(msgspec.Struct, frozen=True, kw_only=True):
    """A cause in the rule's word, how sure it is (0 to 1), why, and whether moving the pods helps."""

    cause: str
    confidence: float
    evidence: list[Evidence]
    moving_helps: bool


def trouble_of(node: NodeHealthAnswer) -> NodeTroubleFound:
    """What is the matter with a node that is not ready."""
    cause = _silent(node) if node.ready == "Unknown" else _by_word(node)
    confidence = {OFF: 0.95, KUBELET: 0.7}.get(cause, 0.9)
    told = [
        *_ready(node),
        *_life(node),
        *_marks(node),
        *_conditions(node),
        Evidence(source="advice", finding=_ADVICE[cause]),
    ]
    return NodeTroubleFound(cause=cause, confidence=confidence, evidence=told, moving_helps=cause in _MOVES)


def _silent(node: NodeHealthAnswer) -> str:
    if node.off:
        return OFF
    age = _lease_age(node)
    lives = age is not None and node.lease_seconds > 0 and age.total_seconds() < _FRESH * node.lease_seconds
    return KUBELET if lives else UNREACHABLE


def _by_word(node: NodeHealthAnswer) -> str:
    """By what the kubelet said; where that says nothing, by its other conditions."""
    said = f"{node.reason} {node.message}"[:_MAX_READ].lower()
    types = " ".join(each.type for each in node.troubles)
    found = next((cause for cause, words in _SAID if words.search(said)), "")
    return found or next((cause for cause, words in _CONDITIONS if words.search(types)), KUBELET)


def _ready(node: NodeHealthAnswer) -> Iterator[Evidence]:
    since = f" since {node.since:%F %T} ({_seconds(node.looked_at - node.since)})" if node.since else ""
    who = "its kubelet says" if node.ready == "False" else "the node controller says"
    said = f": {who}: {node.message or 'nothing more'}" if node.message or node.ready == "False" else ""
    yield Evidence(
        source="node",
        finding=f"node {node.node} is Ready={node.ready} ({node.reason or 'no reason'}){since}{said}",
        weight=0.6,
    )


def _life(node: NodeHealthAnswer) -> Iterator[Evidence]:
    age = _lease_age(node)
    if age is None or node.lease_renewed is None:
        yield Evidence(source="node", finding="when its kubelet last renewed its lease cannot be seen", weight=0.1)
        return
    holds = f", which holds for {node.lease_seconds:.0f} s" if node.lease_seconds else ""
    said = f"its kubelet renewed its lease {_seconds(age)} ago, at {node.lease_renewed:%F %T}{holds}"
    yield Evidence(source="node", finding=said, weight=0.5)


def _marks(node: NodeHealthAnswer) -> Iterator[Evidence]:
    if node.off:
        yield Evidence(source="node", finding="the cloud says that the machine is off (shutdown taint)", weight=0.6)
    if node.taints:
        yield Evidence(source="node", finding=f"its taints: {', '.join(node.taints)}", weight=0.3)
    if node.plan:
        yield Evidence(source="node", finding=f"{node.plan}, and is away for longer than that takes", weight=0.4)
    if node.cordoned_by_other:
        yield Evidence(
            source="node", finding="its cordon is somebody else's, and is respected: no drain is proposed", weight=0.4
        )


def _conditions(node: NodeHealthAnswer) -> Iterator[Evidence]:
    for each in node.troubles:
        since = f" since {each.since:%F %T}" if each.since else ""
        finding = f"{each.type}={each.status} ({each.reason or 'no reason'}){since}: {each.message or 'no message'}"
        yield Evidence(source="node", finding=finding, weight=0.4)


def _lease_age(node: NodeHealthAnswer) -> timedelta | None:
    renewed: datetime | None = node.lease_renewed
    return node.looked_at - renewed if renewed else None


def _seconds(span: timedelta) -> str:
    return f"{max(span.total_seconds(), 0):.0f} s"
