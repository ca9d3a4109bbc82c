"""Many nodes of a cluster that stop being ready at once: the network between them and the control plane, or the control plane itself."""

from __future__ import annotations

from aetherius.domain.cluster_event import Reported
from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.diagnosis.verdict import Verdict
from aetherius.domain.fault.fault import Fault
from aetherius.domain.fault.lost_node import ENTRY as LOST_NODE
from aetherius.domain.fault.sharing.members import told_together
from aetherius.domain.fault.sharing.shared_thing import SharedCause, SharedThing


class ClusterNodes(SharedCause):
    """The entry. More than a zone's worth: with three of one zone it is the zone."""

    kinds = ("Cluster",)
    enough = 4
    causes = {"ManyNodes": frozenset({"ManyNodesLost"})}

    def pointed_to(self, report: Reported, shown: Fault) -> SharedThing | None:
        """The cluster of a node that is not ready."""
        if shown.symptom != LOST_NODE.symptom:
            return None
        return SharedThing(kind="Cluster", name=report.cluster_id, cluster_id=report.cluster_id)

    def judge(self, file: EvidenceFile) -> Verdict:
        """They went together; what lies between them and the control plane is the first thing to look at."""
        evidence = list(told_together(file, "nodes stopped being ready within minutes"))
        return Verdict(type="ManyNodesLost", confidence=0.7, evidence=evidence)


ENTRY = ClusterNodes()
