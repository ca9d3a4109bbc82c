"""Work that failed and is not tried again: a Job that gave up, or a pod that nobody replaces.

A failed pod of a Job is no trouble by itself: the Job tries again until it says that it does not.
"""

from __future__ import annotations

from typing import Final

from aetherius.domain.cluster_event import Reported
from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.diagnosis.memory_kills import SIGKILL
from aetherius.domain.diagnosis.verdict import Verdict, unknown
from aetherius.domain.fault.fault import POD_OVER, Fault
from aetherius.domain.strategy import Strategy
from aetherius.domain.wire.analysis import Evidence

_JOB_REASONS: Final = frozenset(
    {"BackoffLimitExceeded", "DeadlineExceeded", "FailedIndexes", "MaxFailedIndexesExceeded", "PodFailurePolicy"}
)
_DONE: Final = "Completed"
_STATUS: Final = "job_status"
"""What says so is the Job's own condition: a failure for whatever reason."""


class RunFailure(Fault):
    """The entry."""

    symptom = "run_failure"
    strategy = Strategy(
        id="run-failure",
        workflow="diagnose_run_failure",
        about="Read the last logs and the pod's state, and tell the owner",
    )
    causes = {
        "Deadline": frozenset({"DeadlinePassed"}),
        "Rejected": frozenset({"RefusedByKubelet"}),
        "Evicted": frozenset({"NodePressureEviction"}),
    }
    recoveries = POD_OVER | {_DONE}
    precedence = 1  # that a pod is given up says more than how its containers ended

    def is_sign(self, report: Reported) -> bool:
        """A Job that says it failed, or a pod that failed as a whole."""
        if report.labels.kind == "Job":
            return report.reason in _JOB_REASONS or report.source == _STATUS
        return report.labels.kind == "Pod" and report.source == "pod_status" and report.reason not in self.recoveries

    def judge(self, file: EvidenceFile) -> Verdict:
        """Why it was ended, where that is told; else unknown, with what was seen."""
        return _judge(file)

    def failing_of(self, report: Reported) -> str:
        """The pod; of a Job none: its own word ends it."""
        return report.labels.name if report.labels.kind == "Pod" else ""

    def ends_all(self, report: Reported) -> bool:
        """A Job that completed has done what its failed pods did not."""
        return report.reason == _DONE


ENTRY = RunFailure()
_REFUSALS: Final = frozenset(
    {"UnexpectedAdmissionError", "NodeAffinity", "TopologyAffinityError", "SMTAlignmentError", "AppArmor"}
    | {"NodeName", "NodePorts", "TaintToleration", "SysctlForbidden", "PodOSNotSupported", "InvalidNodeInfo"}
    | {"PodOSSelectorNodeLabelDoesNotMatch", "PodFeatureUnsupported", "SupplementalGroupsPolicyNotSupported"}
    | {"VolumeAttachmentLimitExceeded", "InitContainerRestartPolicyForbidden"}
)


def _judge(file: EvidenceFile) -> Verdict:
    seen = [Evidence(source="events", finding=f"{s.reason}: {s.message}", weight=0.4) for s in file.signs[-2:]]
    ends = [
        Evidence(
            source=t.step,
            finding=f"container {t.container or '?'} ended with {t.reason}, exit code {t.exit_code}",
            weight=0.4,
        )
        for t in file.terminations()
    ]
    killed = any(end.reason == "OOMKilled" and end.exit_code == SIGKILL for end in file.terminations())
    cause = (
        "OOMKilled" if killed else next((found for sign in reversed(file.signs) if (found := _cause(sign.reason))), "")
    )
    if cause:
        return Verdict(type=cause, confidence=0.8, evidence=[*seen, *ends])
    return unknown(*seen, *ends)


def _cause(reason: str) -> str:
    if reason == "DeadlineExceeded":
        return "DeadlinePassed"
    if reason == "Evicted":
        return "NodePressureEviction"
    return "RefusedByKubelet" if reason in _REFUSALS or reason.startswith("OutOf") else ""
