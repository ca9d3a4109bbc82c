"""Trouble that many have in common: opened by the correlator when enough incidents point to one thing, not by a report of its own."""

from __future__ import annotations

from aetherius.domain.cluster_event import Reported
from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.diagnosis.verdict import Verdict, unknown
from aetherius.domain.fault.fault import Fault
from aetherius.domain.fault.sharing.kinds import shipped_kinds
from aetherius.domain.fault.sharing.members import told_together
from aetherius.domain.fault.sharing.shared_thing import SYMPTOM
from aetherius.domain.strategy import Strategy


class SharedCauseFault(Fault):
    """The entry. It is over when its last member is."""

    symptom = SYMPTOM
    strategy = Strategy(
        id="shared-cause",
        workflow="diagnose_shared_cause",
        about="Say what many incidents have in common, and tell its owner; none of them is repaired meanwhile",
    )
    causes = shipped_kinds().causes
    recoveries = frozenset()
    told_to_end = True

    def is_sign(self, report: Reported) -> bool:
        """Never: it takes several."""
        return False

    def judge(self, file: EvidenceFile) -> Verdict:
        """By the kind of thing."""
        kind = shipped_kinds().of(file.about.kind)
        return kind.judge(file) if kind else unknown(*told_together(file, "fail together"))


ENTRY = SharedCauseFault()
