"""Sets the memory limit of one container, within a bound of the limit that the decision saw, and only where it can stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.quantity import parse_memory
from aetherius.domain.repair.answers import RepairAnswer
from aetherius.domain.repair.update_resource_limits import ENTRY as ACTION
from aetherius.domain.repair.update_resource_limits import UpdateResourceLimits
from aetherius.edge_agent.errors import RepairRefusedError
from aetherius.edge_agent.repair.cluster import Cluster, Document, deployment_path, until_unchanged
from aetherius.edge_agent.repair.facts import facts_of_deployment
from aetherius.edge_agent.repair.gitops import FieldChange, refuse_reconciled
from aetherius.edge_agent.repair.memory_bounds import MemoryChange, refuse_out_of_bounds
from aetherius.edge_agent.repair.neighbours import well
from aetherius.edge_agent.repair.performer import Job, Performer
from aetherius.edge_agent.repair.scheduling.requests import amount
from aetherius.edge_agent.repair.trial_pod import try_pod

MAX_FACTOR: Final = 4
"""Never more than this many times the expected limit, and never less than that part of it, whoever asks."""
_SECTIONS: Final = ("containers", "initContainers")


class UpdateResourceLimitsPerformer(Performer[UpdateResourceLimits]):
    """Refused: no such container, another limit than expected, or out of bounds; a paused Deployment; one that a reconciler or an autoscaler keeps; a
    limit that a quota, a limit range, the admission of pods or the size of the nodes forbids; `Recreate` without a person's yes.
    """

    action = ACTION

    def target(self, job: Job[UpdateResourceLimits]) -> Document:
        """The Deployment."""
        return job.cluster.deployment(job.namespace, job.parameters.name)

    def validate(self, job: Job[UpdateResourceLimits]) -> None:
        """The new limit is within a bound of the one that the decision saw."""
        _check_bounds(job.parameters)

    def facts(self, job: Job[UpdateResourceLimits]) -> list[str]:
        """The Deployment."""
        return facts_of_deployment(self.target(job))

    def neighbours(self, job: Job[UpdateResourceLimits]) -> list[str]:
        """The other workloads of the namespace."""
        return well(job.cluster, job.namespace, job.parameters.name)

    def is_begun(self, job: Job[UpdateResourceLimits]) -> bool:
        """The limit is set."""
        try:
            return not self.simulate(job).changed
        except RepairRefusedError:
            return False

    def simulate(self, job: Job[UpdateResourceLimits]) -> RepairAnswer:
        """Try it as a dry run."""
        return until_unchanged(lambda: _attempt(job.parameters, job.namespace, job.cluster, job.cluster.rehearse))

    def execute(self, job: Job[UpdateResourceLimits]) -> RepairAnswer:
        """Set the limit, or say that it is set already."""
        return until_unchanged(lambda: _attempt(job.parameters, job.namespace, job.cluster, job.change))

    def roll_back(self, job: Job[UpdateResourceLimits]) -> RepairAnswer:
        """Put the old limit back, unless somebody has set another one since. A person's order: under that limit it ran out of memory."""
        undone = job.parameters.undone
        return until_unchanged(lambda: _attempt(undone, job.namespace, job.cluster, job.change, forward=False))


ENTRY = UpdateResourceLimitsPerformer()

_Change = Callable[..., Document]


def _attempt(
    action: UpdateResourceLimits, namespace: str, cluster: Cluster, change: _Change, *, forward: bool = True
) -> RepairAnswer:
    """`forward`: false for putting an old limit back, which stood before."""
    deployment = cluster.deployment(namespace, action.name)
    section, container = _container(deployment, action.container)
    resources = container.get("resources") or {}
    limit = str((resources.get("limits") or {}).get("memory", ""))
    generation = int(deployment["metadata"].get("generation", 0))
    if limit and parse_memory(limit) == parse_memory(action.memory_limit):
        return _answer(action, changed=False, generation=generation)
    if not limit or parse_memory(limit) != parse_memory(action.expected_memory_limit):
        raise RepairRefusedError(
            f"the memory limit of {action.container} is {limit or 'not set'} by now, "
            f"not {action.expected_memory_limit}: somebody was faster"
        )
    wanted = _wanted(resources, action.memory_limit)
    _refuse_unfit(action, deployment, section, limit)
    path = deployment_path(namespace, action.name)
    body = {"spec": {"template": {"spec": {section: [{"name": action.container, "resources": wanted}]}}}}
    warnings = _look_ahead(action, deployment, wanted, cluster, path, body) if forward else []
    changed = change(deployment, path, body, "strategic")
    return _answer(
        action,
        changed=True,
        generation=int(changed["metadata"].get("generation", 0)),
        warnings=warnings,
        changes=_told(section, action, resources, wanted),
    )


def _refuse_unfit(action: UpdateResourceLimits, deployment: Document, section: str, limit: str) -> None:
    """What the Deployment itself says against it."""
    if deployment["spec"].get("paused"):
        raise RepairRefusedError(f"{action.name} is paused: it would not roll out")
    owned = ("f:spec", "f:template", "f:spec", f"f:{section}", f'k:{{"name":"{action.container}"}}', "f:resources")
    wanted = FieldChange(
        field=f"memory limit of container {action.container}",
        old=limit,
        new=action.memory_limit,
        path=(*owned, "f:limits", "f:memory"),
    )
    refuse_reconciled(deployment, [wanted])
    if _recreates(deployment) and not (action.recreate or action.approved_by_person):
        raise RepairRefusedError(
            f"{action.name} stops all replicas before it starts new ones: a person must approve it"
        )


def _look_ahead(
    action: UpdateResourceLimits, deployment: Document, wanted: Document, cluster: Cluster, path: str, body: Document
) -> list[str]:
    """What the rest of the cluster says against it; warnings for what it does not forbid."""
    namespace = deployment["metadata"]["namespace"]
    coming = cluster.rehearse(deployment, path, body, "strategic")
    refuse_out_of_bounds(_memory_change(action, deployment, coming, wanted), namespace, cluster)
    warnings = [try_pod(cluster, coming)]
    warnings += ["all replicas stop before new ones start (strategy Recreate)"] if _recreates(deployment) else []
    return [each for each in warnings if each]


def _memory_change(
    action: UpdateResourceLimits, deployment: Document, coming: Document, wanted: Document
) -> MemoryChange:
    _, container = _container(coming, action.container)
    resources = container.get("resources") or wanted
    limit = amount((resources.get("limits") or {}).get("memory", 0))
    request = (resources.get("requests") or {}).get("memory")
    return MemoryChange(
        deployment=deployment,
        container=action.container,
        limit=limit,
        request=limit if request is None else amount(request),
        limits=(_total(deployment, "limits"), _total(coming, "limits")),
        requests=(_total(deployment, "requests"), _total(coming, "requests")),
    )


def _total(deployment: Document, part: str) -> float:
    """Memory of all containers and sidecars together, or of the largest start."""
    spec = deployment["spec"]["template"]["spec"]
    starts = spec.get("initContainers") or ()
    sidecars = [each for each in starts if each.get("restartPolicy") == "Always"]
    running = _memory([*spec["containers"], *sidecars], part)
    return max([running, *(_memory([each], part) for each in starts if each not in sidecars)])


def _memory(containers: Iterable[Document], part: str) -> float:
    """A request that is not given is the limit."""
    total = 0.0
    for each in containers:
        resources = each.get("resources") or {}
        given = (resources.get(part) or {}).get("memory")
        if given is None and part == "requests":
            given = (resources.get("limits") or {}).get("memory")
        total += amount(given or 0)
    return total


def _recreates(deployment: Document) -> bool:
    return (deployment["spec"].get("strategy") or {}).get("type") == "Recreate"


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


def _container(deployment: Document, name: str) -> tuple[str, Document]:
    """A container of the template, an init container or sidecar too, with the list that it is in."""
    spec = deployment["spec"]["template"]["spec"]
    for section in _SECTIONS:
        for each in spec.get(section) or ():
            if each["name"] == name:
                return section, each
    raise RepairRefusedError(f"{deployment['metadata']['name']} has no container {name}")


def _wanted(resources: Document, limit: str) -> Document:
    """The new limit; the request goes with it where it equalled the old one, or would be above the new one (which no server takes)."""
    old = parse_memory(str(resources["limits"]["memory"]))
    request = str((resources.get("requests") or {}).get("memory", ""))
    wanted: Document = {"limits": {"memory": limit}}
    if request and (parse_memory(request) >= old or parse_memory(request) > parse_memory(limit)):
        wanted["requests"] = {"memory": limit}
    return wanted


def _told(section: str, action: UpdateResourceLimits, resources: Document, wanted: Document) -> list[str]:
    """Limit and request, before and after."""
    return [
        f"spec.template.spec.{section}.{action.container}.resources.{part}.memory: "
        f"{(resources.get(part) or {}).get('memory', 'not set')} -> {each['memory']}"
        for part, each in wanted.items()
    ]


def _answer(
    action: UpdateResourceLimits,
    *,
    changed: bool,
    generation: int,
    warnings: list[str] | None = None,
    changes: list[str] | None = None,
) -> RepairAnswer:
    what = (
        f"{action.expected_memory_limit} -> {action.memory_limit}" if changed else f"was {action.memory_limit} already"
    )
    return RepairAnswer(
        action=ACTION.name,
        changed=changed,
        summary=f"memory limit of {action.name}/{action.container}: {what}",
        undo_action=ACTION.name,
        undo_parameters=msgspec.to_builtins(msgspec.structs.replace(action, mode="restore", seen=[])),
        generation=generation,
        warnings=warnings or [],
        changes=changes or [],
    )
