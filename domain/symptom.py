"""What a report is a sign of: the few symptoms that open incidents, and which report belongs to which incident.

The rules look at reasons, not at Warning against Normal: `NodeNotReady` is a Normal event. A reason that is not here is kept in the log and shown, and
opens nothing.
"""

from __future__ import annotations

import enum
import re
from typing import Final

import msgspec

from aetherius.domain.cluster_event import Reported


class Symptom(enum.StrEnum):
    """How a fault shows, before anyone knows its cause."""

    CRASH_LOOP = "crash_loop"
    IMAGE_PULL = "image_pull"
    CONFIG_ERROR = "config_error"
    NODE_NOT_READY = "node_not_ready"


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What an incident is about: a workload of a namespace, or a node. Its key names at most one open incident."""

    cluster_id: str
    namespace: str
    kind: str
    name: str
    symptom: Symptom

    @property
    def key(self) -> str:
        """The parts as one string, `/` between them (no name of Kubernetes has a slash)."""
        return f"{self.cluster_id}/{self.namespace}/{self.kind}/{self.name}/{self.symptom}"


_CRASH_REASONS: Final = frozenset({"OOMKilled", "CrashLoopBackOff"})
_IMAGE_REASONS: Final = frozenset({"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"})
_MISSING_CONFIG: Final = re.compile(r"(configmap|secret)s? .*not found|references non-existent|couldn't find key")
_IMAGE_MESSAGE: Final = re.compile(r"pull(ing)? image|ErrImagePull|ImagePullBackOff")
_OF_PODS: Final = frozenset({Symptom.CRASH_LOOP, Symptom.IMAGE_PULL, Symptom.CONFIG_ERROR})
_RECOVERIES: Final[dict[str, frozenset[Symptom]]] = {
    # A crash-looping container is Ready for a moment at each turn: that is no recovery.
    "PodRecovered": frozenset({Symptom.IMAGE_PULL, Symptom.CONFIG_ERROR}),
    "PodReplaced": _OF_PODS,
    "PodRemoved": _OF_PODS,
    "NodeReady": frozenset({Symptom.NODE_NOT_READY}),
    "NodeRemoved": frozenset({Symptom.NODE_NOT_READY}),
}
_REMOVALS: Final = frozenset({"PodRemoved", "NodeRemoved"})


def symptom_of(report: Reported) -> Symptom | None:
    """The symptom a report shows, or None."""
    if report.reason == "NodeNotReady":  # of a pod whose node nobody knows it says nothing that could be looked into
        return Symptom.NODE_NOT_READY if report.labels.kind == "Node" or report.labels.node else None
    if report.labels.kind != "Pod":
        return None
    return _pod_symptom(report.reason, report.message)


def _pod_symptom(reason: str, message: str) -> Symptom | None:
    if reason in _CRASH_REASONS or (reason == "BackOff" and "restarting failed container" in message):
        return Symptom.CRASH_LOOP
    if reason == "CreateContainerConfigError":
        return Symptom.CONFIG_ERROR
    if reason in ("Failed", "FailedMount") and _MISSING_CONFIG.search(message):
        return Symptom.CONFIG_ERROR
    if reason in _IMAGE_REASONS or (reason in ("Failed", "BackOff") and _IMAGE_MESSAGE.search(message)):
        return Symptom.IMAGE_PULL
    return None


def subject_of(report: Reported, symptom: Symptom) -> Subject:
    """What the report's incident is about: the node for a lost node (also when a pod on it says so), else the pod's owner."""
    labels = report.labels
    if symptom is Symptom.NODE_NOT_READY:
        return Subject(
            cluster_id=report.cluster_id,
            namespace="",
            kind="Node",
            name=labels.name if labels.kind == "Node" else labels.node,
            symptom=symptom,
        )
    return Subject(
        cluster_id=report.cluster_id,
        namespace=report.namespace,
        kind=labels.owner_kind or labels.kind,
        name=labels.owner_name or labels.name,
        symptom=symptom,
    )


def end_told_by(report: Reported) -> str:
    """How trouble ends by a recovery: `recovered`, or `gone` where what it was about does not exist any more."""
    return "gone" if report.reason in _REMOVALS else "recovered"


def recoveries_of(report: Reported) -> list[Subject]:
    """The subjects that this report says are well again, or gone."""
    return [subject_of(report, symptom) for symptom in sorted(_RECOVERIES.get(report.reason, frozenset()))]
