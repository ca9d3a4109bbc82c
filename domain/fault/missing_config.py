"""A container that cannot be created because a config map or secret is missing: did the latest revision bring the reference in?"""

from __future__ import annotations

import re
from typing import Final

from aetherius.domain.cluster_event import Reported
from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.diagnosis.rollout import healthy, owned_elsewhere, roll_back
from aetherius.domain.diagnosis.verdict import Verdict, recovered, unknown
from aetherius.domain.fault.fault import POD_OVER, Fault
from aetherius.domain.repair.workload_history import RevisionSummary
from aetherius.domain.strategy import Strategy
from aetherius.domain.wire.analysis import Evidence

_MISSING: Final = re.compile(r"(configmap|secret)s? .*not found|references non-existent|couldn't find key")


class MissingConfig(Fault):
    """The entry."""

    symptom = "config_error"
    strategy = Strategy(
        id="missing-config",
        workflow="diagnose_missing_config",
        about="Wait for a late object; go back if the latest revision brought the reference in, else tell the owner",
    )
    causes = {"Config": frozenset({"MissingConfig", "MissingConfigRollout"})}
    recoveries = POD_OVER | {"PodRecovered"}
    precedence = 1  # `Failed` says in its message alone what failed, and this message is the more specific one

    def is_sign(self, report: Reported) -> bool:
        """A container that cannot be configured, or a mount of what is not there."""
        if report.labels.kind != "Pod":
            return False
        told = report.reason in ("Failed", "FailedMount") and _MISSING.search(report.message) is not None
        return report.reason == "CreateContainerConfigError" or told

    def judge(self, file: EvidenceFile) -> Verdict:
        """Missing configuration, recovered, or unknown."""
        return _judge(file)


ENTRY = MissingConfig()


def _judge(file: EvidenceFile) -> Verdict:
    """Missing configuration, recovered, or unknown."""
    failures = file.signs_of("CreateContainerConfigError", "FailedMount", "Failed")
    seen = [Evidence(source="events", finding=sign.message, weight=0.4) for sign in failures[-1:]]
    current = file.current_revision()
    if current is None:
        return unknown(*seen)
    if well := healthy(file):
        return recovered(well)
    if not current.missing_config:
        return unknown(*seen, Evidence(source="rollout", finding="every object that the template names exists now"))
    return _missing(file, current, seen)


def _missing(file: EvidenceFile, current: RevisionSummary, seen: list[Evidence]) -> Verdict:
    missing = ", ".join(current.missing_config)
    evidence = [
        *seen,
        Evidence(
            source="rollout", finding=f"revision {current.revision} needs {missing}, which does not exist", weight=0.6
        ),
    ]
    before = next(iter(file.earlier_available()), None)
    innocent = _why_no_rollout(current, before)
    if before is None or innocent:
        return Verdict(
            type="MissingConfig", confidence=0.85, evidence=[*evidence, Evidence(source="rollout", finding=innocent)]
        )
    finding = f"revision {before.revision} did without it and was available"
    return Verdict(
        type="MissingConfigRollout",
        confidence=0.9,
        evidence=[*evidence, Evidence(source="rollout", finding=finding, weight=0.5), *owned_elsewhere(file)],
        recommendations=roll_back(file, before),
    )


def _why_no_rollout(current: RevisionSummary, before: RevisionSummary | None) -> str:
    """Why the latest rollout is not at fault, or not known to be; empty where it is."""
    if current.was_available:
        return f"revision {current.revision} ran with it: what it needs is gone since, its rollout is not at fault"
    if before is None:
        return "no earlier revision is known to have been available"
    if before.missing_config:
        return f"revision {before.revision} was available with such a reference: the rollout did not bring it in"
    return ""
