"""A node on which container after container cannot be pulled, made or started, for what the node lacks: its disk, its runtime."""

from __future__ import annotations

from typing import Final

from aetherius.domain.cluster_event import Reported
from aetherius.domain.diagnosis import pull_failure
from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.diagnosis.pull_failure import cause_of_pull
from aetherius.domain.diagnosis.verdict import Verdict, unknown
from aetherius.domain.fault.container_start import ENTRY as CONTAINER_START
from aetherius.domain.fault.container_start import cause_of_start
from aetherius.domain.fault.fault import Fault
from aetherius.domain.fault.image_pull import ENTRY as IMAGE_PULL
from aetherius.domain.fault.sharing.members import told_together
from aetherius.domain.fault.sharing.shared_thing import SharedCause, SharedThing

_OF_THE_NODE: Final = frozenset({pull_failure.DISK, pull_failure.RUNTIME})


class Node(SharedCause):
    """The entry."""

    kinds = ("Node",)
    causes = {"NodeDisk": frozenset({pull_failure.DISK}), "NodeRuntime": frozenset({pull_failure.RUNTIME})}

    def pointed_to(self, report: Reported, shown: Fault) -> SharedThing | None:
        """The pod's node, for what is the node's doing."""
        node = report.labels.node
        if not node or _cause(shown.symptom, report.reason, report.message) not in _OF_THE_NODE:
            return None
        return SharedThing(kind="Node", name=node, cluster_id=report.cluster_id)

    def judge(self, file: EvidenceFile) -> Verdict:
        """Disk or runtime, by what most members were told."""
        told = [cause for sign in file.signs if (cause := _any_cause(sign.reason, sign.message)) in _OF_THE_NODE]
        evidence = list(told_together(file, f"workloads fail on node {file.about.name}"))
        if not told:
            return unknown(*evidence)
        return Verdict(type=max(sorted(set(told)), key=told.count), confidence=0.8, evidence=evidence)


ENTRY = Node()


def _cause(symptom: str, reason: str, message: str) -> str:
    if symptom == IMAGE_PULL.symptom:
        return cause_of_pull(reason, message)
    return cause_of_start(reason, message) if symptom == CONTAINER_START.symptom else ""


def _any_cause(reason: str, message: str) -> str:
    pulled = cause_of_pull(reason, message)
    return pulled if pulled in _OF_THE_NODE else cause_of_start(reason, message)
