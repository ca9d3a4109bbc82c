"""Evidence for tests of rules: valid files of it, of which a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from aetherius.domain.diagnosis.evidence import About, EvidenceFile, Sign
from aetherius.domain.repair.node_pressure import NodePressureAnswer, SystemKill
from aetherius.domain.repair.workload_history import RevisionSummary, WorkloadHistoryAnswer
from aetherius.domain.wire.event import Labels, RawData

NOON: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)


def minutes(count: float) -> datetime:
    """So many after noon."""
    return NOON + timedelta(minutes=count)


def sign(reason: str, message: str = "", *, pod: str = "web-1", **raw: Any) -> Sign:
    """A report about a container of a pod; of `app`, if it does not say."""
    told = RawData(**{"container": "app", **raw})
    return Sign(reason=reason, message=message, labels=Labels(kind="Pod", name=pod), raw_data=told)


def kill(at: datetime | None = None, **changes: Any) -> Sign:
    """The OOM kill of a container's main process."""
    return sign("OOMKilled", **{"exit_code": 137, "memory_limit": "64Mi", "last_timestamp": at, **changes})


def a_file(*signs: Sign, about: dict[str, Any] | None = None, **outputs: str) -> EvidenceFile:
    """The evidence of a Deployment in a crash loop, if `about` does not say otherwise."""
    given = {"namespace": "shop", "kind": "Deployment", "name": "web", "symptom": "crash_loop", **(about or {})}
    return EvidenceFile(about=About(**given), signs=list(signs), outputs=outputs)


def ended(title: str, reason: str, code: int | str, at: str = "Mon, 23 Nov 2026 12:00:00 +0000") -> str:
    """A state of a container, as `kubectl describe pod` prints it."""
    lines = (
        f"    {title}:     Terminated",
        f"      Reason:       {reason}",
        f"      Exit Code:    {code}",
        "      Started:      Mon, 23 Nov 2026 11:00:00 +0000",
        f"      Finished:     {at}",
    )
    return "\n".join(lines) + "\n"


def described(**containers: str) -> str:
    """A pod's description: of each container its states."""
    return "Name:  web-1\nContainers:\n" + "".join(f"  {name}:\n{states}" for name, states in containers.items())


def revision(number: int, image: str = "web:1", **changes: Any) -> RevisionSummary:
    """One that was never available, of two replicas."""
    given: dict[str, Any] = {
        "revision": number,
        "replica_set": f"web-{number}",
        "images": {"app": image},
        "config_maps": [],
        "missing_config": [],
        "replicas": 2,
        "available": 0,
        "was_available": False,
        "created_at": "",
    }
    return RevisionSummary(**{**given, **changes})


def rollout(*revisions: RevisionSummary, **changes: Any) -> str:
    """The agent's answer about a Deployment that is at the last of these revisions."""
    given: dict[str, Any] = {
        "kind": "Deployment",
        "name": "web",
        "namespace": "shop",
        "generation": 3,
        "revision": revisions[-1].revision,
        "replicas": 2,
        "ready_replicas": 0,
        "available_replicas": 0,
        "managed_by": "",
        "revisions": list(revisions),
    }
    return msgspec.json.encode(WorkloadHistoryAnswer(**{**given, **changes})).decode()


def pressure(*kills: tuple[datetime, datetime, str]) -> str:
    """The agent's answer about a node that killed by itself: from, to, and what the kernel said."""
    told = [SystemKill(first=first, last=last, message=message) for first, last, message in kills]
    return msgspec.json.encode(NodePressureAnswer(node="n1", system_kills=told, pressures=[])).decode()
