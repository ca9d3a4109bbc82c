"""Puts the template of an earlier revision back, as `kubectl rollout undo` does: the ReplicaSet's template without its hash label."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from aetherius.domain.repair.answers import RepairAnswer
from aetherius.domain.repair.rollback_deployment import ENTRY as ACTION
from aetherius.domain.repair.rollback_deployment import RollbackDeployment
from aetherius.edge_agent.errors import RepairRefusedError
from aetherius.edge_agent.repair.cluster import (
    Cluster,
    Document,
    deployment_path,
    revision_of,
    until_unchanged,
)
from aetherius.edge_agent.repair.gitops import refuse_reconciled
from aetherius.edge_agent.repair.performer import Job, Performer

HASH: Final = "pod-template-hash"
HISTORY: Final = "deployment.kubernetes.io/revision-history"
"""The numbers that a ReplicaSet had before: a rollback gives it a new one."""


class RollbackDeploymentPerformer(Performer[RollbackDeployment]):
    """Refused: the revision is gone, the Deployment is at another than expected, or it is paused."""

    action = ACTION

    def simulate(self, job: Job[RollbackDeployment]) -> RepairAnswer:
        """Try it as a dry run."""
        return until_unchanged(lambda: _attempt(job.parameters, job.namespace, job.cluster, job.cluster.rehearse))

    def execute(self, job: Job[RollbackDeployment]) -> RepairAnswer:
        """Roll back, or say that it is so already."""
        return until_unchanged(lambda: _attempt(job.parameters, job.namespace, job.cluster, job.cluster.change))

    def roll_back(self, job: Job[RollbackDeployment]) -> RepairAnswer:
        """Forward again, to the revision that the repair left, if the Deployment still is where it was put."""
        return until_unchanged(lambda: _undo(job.parameters, job.namespace, job.cluster))


ENTRY = RollbackDeploymentPerformer()


def _undo(action: RollbackDeployment, namespace: str, cluster: Cluster) -> RepairAnswer:
    deployment = cluster.deployment(namespace, action.name)
    target = next((each for each in cluster.replica_sets(deployment) if _is_or_was(each, action.to_revision)), None)
    if target is None or template_of(target) != _tidy(deployment["spec"]["template"]):
        raise RepairRefusedError(f"{action.name} is not at the template of revision {action.to_revision} any more")
    forward = msgspec.structs.replace(
        action, to_revision=action.expected_revision, expected_revision=revision_of(deployment), mode="execute"
    )
    return _attempt(forward, namespace, cluster, cluster.change)


def _attempt(
    action: RollbackDeployment, namespace: str, cluster: Cluster, change: Callable[..., Document]
) -> RepairAnswer:
    deployment = cluster.deployment(namespace, action.name)
    replica_sets = cluster.replica_sets(deployment)
    revision = revision_of(deployment)
    target = next((each for each in replica_sets if revision_of(each) == action.to_revision), None)
    if _is_there_already(action, deployment, replica_sets, target):
        return _answer(action, deployment, revision, changed=False)
    if revision != action.expected_revision:
        raise RepairRefusedError(
            f"{action.name} is at revision {revision} by now, not {action.expected_revision}: somebody was faster"
        )
    if target is None:
        raise RepairRefusedError(f"{action.name} has no revision {action.to_revision} any more")
    if deployment["spec"].get("paused"):
        raise RepairRefusedError(f"{action.name} is paused: it would not roll out")
    refuse_reconciled(deployment)
    body = {"spec": {"template": {"$patch": "replace", **template_of(target)}}}
    changed = change(deployment, deployment_path(namespace, action.name), body, "strategic")
    coming = max(revision_of(each) for each in replica_sets) + 1
    return _answer(action, changed, coming, changed=True)


def template_of(replica_set: Document) -> Document:
    """A ReplicaSet's template as its Deployment had it."""
    template: Document = replica_set["spec"]["template"]
    labels = {key: value for key, value in (template["metadata"].get("labels") or {}).items() if key != HASH}
    tidy: Document = _tidy({**template, "metadata": {**template["metadata"], "labels": labels}})
    return tidy


def _is_there_already(
    action: RollbackDeployment, deployment: Document, replica_sets: list[Document], target: Document | None
) -> bool:
    """Whether the Deployment has the template of the ReplicaSet that has, or once had, the number. The Deployment's own number says less: the controller
    writes it last.
    """
    template = _tidy(deployment["spec"]["template"])
    if target is not None:
        return bool(template_of(target) == template)
    current = (each for each in replica_sets if template_of(each) == template)
    return any(str(action.to_revision) in _earlier_numbers(each) for each in current)


def _is_or_was(replica_set: Document, revision: int) -> bool:
    return revision_of(replica_set) == revision or str(revision) in _earlier_numbers(replica_set)


def _earlier_numbers(replica_set: Document) -> list[str]:
    history: str = (replica_set["metadata"].get("annotations") or {}).get(HISTORY, "")
    return history.split(",")


def _tidy(value: Any) -> Any:
    """Without nulls and empties that one copy has and the other has not."""
    if isinstance(value, dict):
        return {key: _tidy(each) for key, each in value.items() if each is not None and each != {}}
    return [_tidy(each) for each in value] if isinstance(value, list) else value


def _answer(action: RollbackDeployment, deployment: Document, revision: int, *, changed: bool) -> RepairAnswer:
    what = "rolled back from" if changed else "was at this template already, after"
    return RepairAnswer(
        action=ACTION.name,
        changed=changed,
        summary=f"{action.name} to revision {action.to_revision}: {what} revision {action.expected_revision}",
        undo_action=ACTION.name,
        undo_parameters={
            "name": action.name,
            "to_revision": action.expected_revision,
            "expected_revision": revision,
        },
        generation=int(deployment["metadata"].get("generation", 0)),
    )
