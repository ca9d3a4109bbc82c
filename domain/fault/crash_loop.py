"""A crash loop: was it the memory limit?

Exit code 137 alone says only that something sent SIGKILL: a failed liveness probe does that too. The kernel's OOM kill is what the container's status
calls `OOMKilled`, and two independent sights of it (the event stream, and a description taken now) make it sure.
"""

from __future__ import annotations

from typing import Final

from aetherius.domain.cluster_event import Reported
from aetherius.domain.diagnosis.evidence import EvidenceFile, Sign
from aetherius.domain.diagnosis.verdict import Verdict, unknown
from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.fault.fault import POD_GONE, Fault
from aetherius.domain.quantity import format_memory, parse_memory
from aetherius.domain.repair.update_resource_limits import ENTRY as RAISE
from aetherius.domain.strategy import Strategy
from aetherius.domain.wire.analysis import Evidence, Recommendation


class CrashLoop(Fault):
    """The entry."""

    symptom = "crash_loop"
    strategy = Strategy(
        id="crash-loop",
        workflow="diagnose_pod_crashloop",
        about="Read the last logs and the pod's state; raise the memory limit if it was the OOM killer",
    )
    causes = {"OOM": frozenset({"OOMKiller", "OOMKilled", "MemoryLimitTooLow"})}
    recoveries = POD_GONE  # a crash-looping container is Ready for a moment at each turn: that is no recovery

    def is_sign(self, report: Reported) -> bool:
        """An OOM kill, or a container whose restarts are backed off."""
        if report.labels.kind != "Pod":
            return False
        restarting = report.reason == "BackOff" and "restarting failed container" in report.message
        return report.reason in ("OOMKilled", "CrashLoopBackOff") or restarting

    def judge(self, file: EvidenceFile) -> Verdict:
        """OOM, or unknown."""
        return _judge(file)


ENTRY = CrashLoop()


RAISE_FACTOR: Final = 2
"""By how much a limit is raised at once; a second raise is a second decision, and asks a person."""
MAX_LIMIT: Final = 16 * 2**30
"""Bytes: no automatic limit above this."""


def _judge(file: EvidenceFile) -> Verdict:
    """OOM, or unknown."""
    kills = file.signs_of("OOMKilled")
    described = [t for t in file.terminations() if t.reason == "OOMKilled"]
    others = [t for t in file.terminations() if t.reason != "OOMKilled"]
    if not kills and not described:
        return _not_oom(file)
    evidence = [
        *(Evidence(source="events", finding=_quote(sign), weight=0.5) for sign in kills[-2:]),
        *(
            Evidence(source=t.step, finding=f"container ended with {t.reason}, exit code {t.exit_code}", weight=0.5)
            for t in described
        ),
        *(
            Evidence(
                source=t.step,
                finding=f"but also: a container ended with {t.reason}, exit code {t.exit_code}",
                weight=0.2,
            )
            for t in others
        ),
    ]
    confidence = 0.95 if kills and described else 0.75
    if others and not described:
        confidence = 0.4  # what the events said is not how it looks now
    return Verdict(
        type="OOMKiller", confidence=confidence, evidence=evidence, recommendations=_raise_limit(file, kills)
    )


def _quote(sign: Sign) -> str:
    limit = sign.raw_data.memory_limit or "none"
    return f"{sign.labels.name}/{sign.raw_data.container}: OOMKilled (exit code {sign.raw_data.exit_code}), memory limit {limit}"


def _not_oom(file: EvidenceFile) -> Verdict:
    ends = [
        Evidence(
            source=t.step, finding=f"container ended with {t.reason}, exit code {t.exit_code}: no OOM kill", weight=0.3
        )
        for t in file.terminations()
    ]
    probes = [Evidence(source="events", finding=sign.message, weight=0.3) for sign in file.signs_of("Unhealthy")[-1:]]
    return unknown(*ends, *probes)


def _raise_limit(file: EvidenceFile, kills: list[Sign]) -> list[Recommendation]:
    known = next((sign for sign in reversed(kills) if sign.raw_data.memory_limit), None)
    limit = known.raw_data.memory_limit if known else file.described_limit()
    container = known.raw_data.container if known else ""
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
