"""A config map or secret that several workloads wait for: one object is missing, not several rollouts bad."""

from __future__ import annotations

import re
from typing import Final

from aetherius.domain.cluster_event import Reported
from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.diagnosis.verdict import Verdict
from aetherius.domain.fault.fault import Fault
from aetherius.domain.fault.missing_config import ENTRY as MISSING_CONFIG
from aetherius.domain.fault.sharing.members import told_together
from aetherius.domain.fault.sharing.shared_thing import SharedCause, SharedThing

_NAMED: Final = re.compile(r'\b(configmap|secret)s? "([a-z0-9.-]{1,253})" not found')
_KINDS: Final = {"configmap": "ConfigMap", "secret": "Secret"}
_MAX_READ: Final = 8192


class ConfigObject(SharedCause):
    """The entry."""

    kinds = ("ConfigMap", "Secret")
    causes = {"Config": frozenset({"SharedConfigMissing"})}

    def pointed_to(self, report: Reported, shown: Fault) -> SharedThing | None:
        """The object that the message says is not found."""
        if shown.symptom != MISSING_CONFIG.symptom or not report.namespace:
            return None
        found = _NAMED.search(report.message[:_MAX_READ])
        if found is None:
            return None
        return SharedThing(
            kind=_KINDS[found[1]],
            name=found[2],
            namespace=report.namespace,
            cluster_id=report.cluster_id,
        )

    def judge(self, file: EvidenceFile) -> Verdict:
        """It is missing for all who name it."""
        evidence = list(
            told_together(file, f"workloads wait for {file.about.kind} {file.about.name}, which is not found")
        )
        return Verdict(type="SharedConfigMissing", confidence=0.85, evidence=evidence)


ENTRY = ConfigObject()
