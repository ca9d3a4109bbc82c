"""Sets the memory limit of one container, within a bound of the limit that the decision saw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.quantity import parse_memory
from aetherius.domain.repair.answers import RepairAnswer
from aetherius.domain.repair.update_resource_limits import ENTRY as ACTION
from aetherius.domain.repair.update_resource_limits import UpdateResourceLimits
from aetherius.edge_agent.errors import RepairRefusedError
from aetherius.edge_agent.repair.cluster import Cluster, Document, deployment_path, until_unchanged
from aetherius.edge_agent.repair.gitops import refuse_reconciled
from aetherius.edge_agent.repair.performer import Job, Performer

MAX_FACTOR: Final = 4
"""Never more than this many times the expected limit, and never less than that part of it, whoever asks."""


class UpdateResourceLimitsPerformer(Performer[UpdateResourceLimits]):
    """Refused: no such container, another limit than expected, or out of bounds."""

    action = ACTION

    def validate(self, job: Job[UpdateResourceLimits]) -> None:
        """The new limit is within a bound of the one that the decision saw."""
        _check_bounds(job.parameters)

    def simulate(self, job: Job[UpdateResourceLimits]) -> RepairAnswer:
        """Try it as a dry run."""
        return until_unchanged(lambda: _attempt(job.parameters, job.namespace, job.cluster, job.cluster.rehearse))

    def execute(self, job: Job[UpdateResourceLimits]) -> RepairAnswer:
        """Set the limit, or say that it is set already."""
        return until_unchanged(lambda: _attempt(job.parameters, job.namespace, job.cluster, job.cluster.change))

    def roll_back(self, job: Job[UpdateResourceLimits]) -> RepairAnswer:
        """Put the old limit back, unless somebody has set another one since."""
        undone = job.parameters.undone
        return until_unchanged(lambda: _attempt(undone, job.namespace, job.cluster, job.cluster.change))


ENTRY = UpdateResourceLimitsPerformer()


def _attempt(
    action: UpdateResourceLimits, namespace: str, cluster: Cluster, change: Callable[..., Document]
) -> RepairAnswer:
    deployment = cluster.deployment(namespace, action.name)
    resources = _resources(deployment, action.container)
    limit = str((resources.get("limits") or {}).get("memory", ""))
    generation = int(deployment["metadata"].get("generation", 0))
    if limit and parse_memory(limit) == parse_memory(action.memory_limit):
        return _answer(action, changed=False, generation=generation)
    if not limit or parse_memory(limit) != parse_memory(action.expected_memory_limit):
        raise RepairRefusedError(
            f"the memory limit of {action.container} is {limit or 'not set'} by now, "
            f"not {action.expected_memory_limit}: somebody was faster"
        )
    refuse_reconciled(deployment)
    container = {"name": action.container, "resources": _wanted(resources, action.memory_limit)}
    body = {"spec": {"template": {"spec": {"containers": [container]}}}}
    changed = change(deployment, deployment_path(namespace, action.name), body, "strategic")
    return _answer(action, changed=True, generation=int(changed["metadata"].get("generation", 0)))


def _check_bounds(action: UpdateResourceLimits) -> None:
    if not action.expected_memory_limit:
        raise RepairRefusedError("without an expected limit there is no bound for a new one")
    try:
        wanted, expected = parse_memory(action.memory_limit), parse_memory(action.expected_memory_limit)
    except InvalidMessageError as exc:
        raise RepairRefusedError(str(exc)) from exc
    if not expected <= wanted * MAX_FACTOR or not wanted <= expected * MAX_FACTOR:
        raise RepairRefusedError(
            f"{action.memory_limit} is more than {MAX_FACTOR} times away from {action.expected_memory_limit}"
        )


def _resources(deployment: Document, container: str) -> Document:
    for each in deployment["spec"]["template"]["spec"]["containers"]:
        if each["name"] == container:
            return each.get("resources") or {}
    raise RepairRefusedError(f"{deployment['metadata']['name']} has no container {container}")


def _wanted(resources: Document, limit: str) -> Document:
    """The new limit; the request goes with it where it equalled the old one, or would be above the new one (which no server takes)."""
    old = parse_memory(str(resources["limits"]["memory"]))
    request = str((resources.get("requests") or {}).get("memory", ""))
    wanted: Document = {"limits": {"memory": limit}}
    if request and (parse_memory(request) >= old or parse_memory(request) > parse_memory(limit)):
        wanted["requests"] = {"memory": limit}
    return wanted


def _answer(action: UpdateResourceLimits, *, changed: bool, generation: int) -> RepairAnswer:
    what = (
        f"{action.expected_memory_limit} -> {action.memory_limit}" if changed else f"was {action.memory_limit} already"
    )
    return RepairAnswer(
        action=ACTION.name,
        changed=changed,
        summary=f"memory limit of {action.name}/{action.container}: {what}",
        undo_action=ACTION.name,
        undo_parameters=msgspec.to_builtins(action.undone),
        generation=generation,
    )
