"""Back to an earlier revision: what the rules for images and configuration share."""

from __future__ import annotations

from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.repair.rollback_deployment import ENTRY as ROLLBACK
from aetherius.domain.repair.workload_history import RevisionSummary
from aetherius.domain.wire.analysis import Evidence, Recommendation


def healthy(file: EvidenceFile) -> Evidence | None:
    """The finding that the workload is well now, or None when it is not (or nobody could look)."""
    history, current = file.history, file.current_revision()
    if history is None or current is None or not history.replicas or current.available < history.replicas:
        return None
    return Evidence(
        source="rollout",
        finding=f"all {history.replicas} replicas of revision {current.revision} are available now",
    )


def roll_back(file: EvidenceFile, to: RevisionSummary, **more: bool) -> list[Recommendation]:
    """The rollback to a revision; nothing for an object that somebody else's tool owns (a live patch would be undone, or fight), nor to a revision
    that could not start now."""
    history = file.history
    if history is None or history.managed_by not in ("", "helm") or to.missing_config:
        return []
    return [
        Recommendation(
            action=ROLLBACK.name,
            confidence=0.85,
            risk="low",
            impact=f"rollout of {history.name} back to revision {to.revision}",
            steps=[f"put the template of revision {to.revision} ({', '.join(to.images.values())}) back"],
            rollback=[f"put the template of revision {history.revision} back"],
            parameters={
                "name": history.name,
                "to_revision": to.revision,
                "expected_revision": history.revision,
                **more,
            },
        )
    ]


def owned_elsewhere(file: EvidenceFile) -> list[Evidence]:
    """A finding when a GitOps tool owns the workload."""
    history = file.history
    if history is None or history.managed_by in ("", "helm"):
        return []
    return [Evidence(source="rollout", finding=f"managed by {history.managed_by}: repair it in its repository")]
