"""What is meant to become of a node: it is serviced, rebooted, or taken away, by the marks that people and their tools leave on it."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from typing import Final

import msgspec

from aetherius.edge_agent.kubernetes_objects import Node
from aetherius.edge_agent.marks import CORDONED

_REMOVERS: Final = (
    "ToBeDeletedByClusterAutoscaler",
    "karpenter.sh/disrupt",
    "aws-node-termination-handler/",
    "cloud.google.com/impending-node-termination",
)
"""Beginnings of taints by which an autoscaler or a cloud says that it takes a node away."""
_SERVICERS: Final = ("medik8s.io/drain", "kubevirt.io/drain")
"""Taints by which an operator says that a node is being serviced."""
_AT_WORK: Final = re.compile(r"reboot-in-progress\Z|active-node-maintenance\Z|maintenance-in-progress\Z")
"""Ends of annotations and labels that say so while it is so (kured, Flatcar, clouds)."""
_STATES: Final = {"machineconfiguration.openshift.io/state": frozenset({"Working"})}
_DENIALS: Final = frozenset({"", "false", "none", "no"})
_ANNOUNCED: Final = "VMEventScheduled"
"""Condition by which a cloud announces that it freezes, reboots or redeploys the machine."""
_SHUTTING_DOWN: Final = "node is shutting down"


class Plan(enum.Enum):
    """What is meant."""

    NONE = enum.auto()
    CORDON = enum.auto()
    """Somebody keeps new pods away, and does not say why."""
    SERVICE = enum.auto()
    """It is serviced or rebooted, and is to be back."""
    SHUTDOWN = enum.auto()
    """It was shut down in order, and nobody says for what: it may be back, or go."""
    REMOVAL = enum.auto()
    """It is to go for good."""


class Planned(msgspec.Struct, frozen=True):
    """A plan, and the mark that tells it, in words."""

    plan: Plan
    words: str = ""


def plan_of(node: Node) -> Planned:
    """What is meant to become of it, by the mark that says most. A cordon of our own comes after a loss and says nothing."""
    return next(_plans(node), Planned(Plan.NONE))


def _plans(node: Node) -> Iterator[Planned]:
    if node.metadata.deletion_timestamp is not None:
        yield Planned(Plan.REMOVAL, "it is being deleted")
    taints = [taint.key for taint in node.spec.taints]
    yield from (Planned(Plan.REMOVAL, f"it is taken away (taint {key})") for key in taints if key.startswith(_REMOVERS))
    yield from (Planned(Plan.SERVICE, f"it is serviced (taint {key})") for key in taints if key in _SERVICERS)
    yield from (Planned(Plan.SERVICE, f"it is rebooted or serviced ({key}: {said})") for key, said in _marks(node))
    if any(each.type == _ANNOUNCED and each.status == "True" for each in node.status.conditions):
        yield Planned(Plan.SERVICE, f"the cloud has announced work on the machine ({_ANNOUNCED})")
    if node.spec.unschedulable and CORDONED not in node.metadata.annotations:
        yield Planned(Plan.CORDON, "it was cordoned by somebody")
    if node.ready is not None and _SHUTTING_DOWN in (node.ready.message or ""):
        yield Planned(Plan.SHUTDOWN, "its kubelet said that the machine is shut down in order")


def _marks(node: Node) -> Iterator[tuple[str, str]]:
    for key, said in (*node.metadata.annotations.items(), *node.metadata.labels.items()):
        wanted = _STATES.get(key)
        if said in wanted if wanted else _AT_WORK.search(key) and said.lower() not in _DENIALS:
            yield key, said
