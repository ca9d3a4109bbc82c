"""A zone whose nodes go at once: it is the zone's trouble, and moving its pods about would overload what is left."""

from __future__ import annotations

from aetherius.domain.cluster_event import Reported
from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.diagnosis.verdict import Verdict
from aetherius.domain.fault.fault import Fault
from aetherius.domain.fault.lost_node import ENTRY as LOST_NODE
from aetherius.domain.fault.sharing.members import told_together
from aetherius.domain.fault.sharing.shared_thing import SharedCause, SharedThing


class Zone(SharedCause):
    """The entry."""

    kinds = ("Zone",)
    causes = {"ZoneOutage": frozenset({"ZoneOutage"})}

    def pointed_to(self, report: Reported, shown: Fault) -> SharedThing | None:
        """The zone of a node that is not ready, where the report tells it."""
        labels = report.labels
        if shown.symptom != LOST_NODE.symptom or labels.owner_kind != "Zone" or not labels.owner_name:
            return None
        return SharedThing(kind="Zone", name=labels.owner_name, cluster_id=report.cluster_id)

    def judge(self, file: EvidenceFile) -> Verdict:
        """Its nodes do not answer; why is not known here."""
        evidence = list(told_together(file, f"nodes of zone {file.about.name} stopped being ready"))
        return Verdict(type="ZoneOutage", confidence=0.8, evidence=evidence)


ENTRY = Zone()
