"""A crash loop: was it the memory limit?

Exit code 137 alone says only that something sent SIGKILL: a failed liveness probe does that too. And `OOMKilled` alone says only that some process in the
container was killed for memory: with another exit code the main process ended otherwise, told to by a probe or a drain. Both together are the kernel's kill
of the container at its limit, unless the node itself ran out of memory then. A kill counts for the container that it hit, at the end that it explains.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from aetherius.domain.cluster_event import Reported
from aetherius.domain.diagnosis import node_memory
from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.diagnosis.memory_kills import SIGKILL, MemoryKills
from aetherius.domain.diagnosis.memory_regression import CAUSE, regression
from aetherius.domain.diagnosis.rollout import owned_elsewhere, roll_back
from aetherius.domain.diagnosis.verdict import Verdict, unknown
from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.fault.fault import POD_OVER, Fault
from aetherius.domain.quantity import format_memory, parse_memory
from aetherius.domain.repair.update_resource_limits import ENTRY as RAISE
from aetherius.domain.strategy import Strategy
from aetherius.domain.wire.analysis import Evidence, Recommendation

KILLED: Final = "OOMKilled"
KILLED_AGAIN_WITHIN: Final = timedelta(days=2)
"""A leak fills the same limit in hours: a kill so long after the last one is the same story."""


class CrashLoop(Fault):
    """The entry."""

    symptom = "crash_loop"
    strategy = Strategy(
        id="crash-loop",
        workflow="diagnose_pod_crashloop",
        about="Read the last logs and the pod's state; raise the memory limit if it was the OOM killer, and no release brought it",
    )
    causes = {
        "OOM": frozenset({"OOMKiller", "OOMKilled", "MemoryLimitTooLow", CAUSE}),
        "NodeMemory": frozenset({node_memory.CAUSE}),
    }
    telling = frozenset({"CrashLoopBackOff", "BackOff"})  # kills are no loop before there is one
    recoveries = POD_OVER | {"PodStable"}  # Ready for a moment at each turn: that is no recovery, a long calm is

    def is_sign(self, report: Reported) -> bool:
        """An OOM kill of a container's main process, or a container whose restarts are backed off."""
        if report.labels.kind != "Pod":
            return False
        if report.reason == KILLED:
            return report.raw_data.exit_code in (SIGKILL, None)
        restarting = report.reason == "BackOff" and "restarting failed container" in report.message
        return report.reason == "CrashLoopBackOff" or restarting

    def judge(self, file: EvidenceFile) -> Verdict:
        """OOM, the node's memory, or unknown."""
        return _judge(file)

    def reopens_within(self, report: Reported, seen: Collection[str], how: str) -> timedelta:
        """Long for a kill after a kill, where nothing was done between them: it was only calm."""
        again = report.reason == KILLED and KILLED in seen and how == "recovered"
        return KILLED_AGAIN_WITHIN if again else super().reopens_within(report, seen, how)


ENTRY = CrashLoop()


RAISE_FACTOR: Final = 2
"""By how much a limit is raised at once; a second raise is a second decision, and asks a person."""
MAX_LIMIT: Final = 16 * 2**30
"""Bytes: no automatic limit above this."""


def _judge(file: EvidenceFile) -> Verdict:
    kills = MemoryKills.of(file)
    if not kills.explain:
        return _not_oom(file, kills)
    if short := node_memory.shortage(file, kills.times):
        return Verdict(type=node_memory.CAUSE, confidence=0.85, evidence=[*short, *kills.evidence])
    if pressed := node_memory.pressed(file):
        return Verdict(type=node_memory.CAUSE, confidence=0.7, evidence=[*pressed, *kills.evidence])
    if brought := regression(file, kills.limit[0], kills.times):
        return Verdict(
            type=CAUSE,
            confidence=kills.confidence,
            evidence=[*kills.evidence, brought.evidence, *owned_elsewhere(file)],
            recommendations=roll_back(file, brought.before, only_images=True),
        )
    slow = kills.slow_evidence(file.about.reopened)
    return Verdict(
        type="OOMKiller",
        confidence=kills.confidence,
        evidence=[*kills.evidence, *slow],
        recommendations=[] if slow and not file.about.reopened else _raise_limit(file, kills),
    )


def _not_oom(file: EvidenceFile, kills: MemoryKills) -> Verdict:
    ends = [
        Evidence(
            source=t.step,
            finding=f"{t.container or 'a container'} ended with {t.reason}, exit code {t.exit_code}",
            weight=0.3,
        )
        for t in file.terminations()
    ]
    probes = [Evidence(source="events", finding=sign.message, weight=0.3) for sign in file.signs_of("Unhealthy")[-1:]]
    return unknown(*ends, *kills.evidence, *probes)


def _raise_limit(file: EvidenceFile, kills: MemoryKills) -> list[Recommendation]:
    container, limit = kills.limit
    if file.about.kind != "Deployment" or not limit or not container:
        return []
    try:
        wanted = parse_memory(limit) * RAISE_FACTOR
    except InvalidMessageError:
        return []
    if wanted > MAX_LIMIT:
        return []
    return [_recommend(file, container, limit, format_memory(wanted))]


def _recommend(file: EvidenceFile, container: str, limit: str, wanted: str) -> Recommendation:
    return Recommendation(
        action=RAISE.name,
        confidence=0.8,
        risk="low",
        impact=f"rolling update of {file.about.name}",
        steps=[f"set the memory limit of {container} from {limit} to {wanted}"],
        rollback=[f"set the memory limit of {container} back to {limit}"],
        parameters={
            "kind": "Deployment",
            "name": file.about.name,
            "container": container,
            "memory_limit": wanted,
            "expected_memory_limit": limit,
        },
    )
