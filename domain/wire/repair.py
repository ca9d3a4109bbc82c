"""Typed actions of the tool `repair`: their parameters and what they answer. Free text never changes a cluster; these do.

The first three change something and are sent as `remediation`; the others only look and are sent as `diagnostic`. Every changing action is tried as
a server-side dry run first, checks that the object still is as the decision saw it, and answers with what would undo it.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from aetherius.domain.errors import InvalidMessageError

TOOL: Final = "repair"
Name = Annotated[str, msgspec.Meta(max_length=253, min_length=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0.0, le=600.0)]


class UpdateResourceLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Set the memory limit of one container in a workload's template (its request too, where that was above or equal to the limit)."""

    kind: Literal["Deployment"]
    name: Name
    container: Name
    memory_limit: Name
    """New limit as a quantity: `128Mi`."""
    expected_memory_limit: str
    """Refused when the workload has another limit by now: somebody was faster."""


class RollbackDeployment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Put the template of an earlier revision back."""

    name: Name
    to_revision: Annotated[int, msgspec.Meta(ge=1)]
    expected_revision: Annotated[int, msgspec.Meta(ge=1)]
    """Refused when the Deployment is at another revision by now."""


class DrainNode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Move everything off a node.

    `simulate` changes nothing: it says where the pods could go and which budgets forbid. `execute` cordons, evicts, and, only while the node is not
    ready, sets the out-of-service taint, so that pods of a dead kubelet are let go. `restore` takes cordon and taint back (only ours).
    """

    node: Name
    mode: Literal["simulate", "execute", "restore"]
    deadline_seconds: Seconds = 60.0
    only_lost: bool = False
    """`execute` is refused when the node is Ready by now: it came back while somebody thought."""


class WorkloadRef(msgspec.Struct, frozen=True, kw_only=True):
    """A workload by name."""

    kind: Name
    namespace: Name
    name: Name


class VerifyWorkload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Watch a workload until its rollout is complete, all replicas are available, and it stays so for the soak time.

    With `watch_oom`, an OOM kill of a current pod during the soak fails the verification at once.
    """

    kind: Literal["Deployment"]
    name: Name
    soak_seconds: Seconds
    deadline_seconds: Seconds
    watch_oom: bool = False


class VerifyEvacuation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Watch until every workload has its replicas Ready on nodes other than this one."""

    node: Name
    workloads: list[WorkloadRef]
    deadline_seconds: Seconds


class WorkloadHistory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Read a Deployment's revisions: images, config references, availability, and who manages it."""

    kind: Literal["Deployment"]
    name: Name


Action = UpdateResourceLimits | RollbackDeployment | DrainNode | VerifyWorkload | VerifyEvacuation | WorkloadHistory
ACTIONS: Final[dict[str, type[Action]]] = {
    action.__name__: action
    for action in (
        UpdateResourceLimits,
        RollbackDeployment,
        DrainNode,
        VerifyWorkload,
        VerifyEvacuation,
        WorkloadHistory,
    )
}


def changes(action: Action) -> bool:
    """Whether an action changes the cluster: those need the command type `remediation`."""
    if isinstance(action, DrainNode):
        return action.mode != "simulate"
    return isinstance(action, UpdateResourceLimits | RollbackDeployment)


def parse_action(name: str, parameters: dict[str, Any]) -> Action:
    """The typed action of a command.

    Raises:
        InvalidMessageError: unknown action, or a parameter breaks a rule (named in the error).
    """
    if name not in ACTIONS:
        raise InvalidMessageError("action", f"{name!r} is not one of {', '.join(ACTIONS)}")
    try:
        return msgspec.convert(parameters, ACTIONS[name])
    except msgspec.ValidationError as exc:
        raise InvalidMessageError(f"parameters of {name}", str(exc)) from exc


class RevisionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of a Deployment (one ReplicaSet)."""

    revision: int
    replica_set: str
    images: dict[str, str]
    """Image by container."""
    config_maps: list[str]
    """Names of config maps and secrets (`secret/NAME`) that the template needs (optional references left out)."""
    missing_config: list[str]
    """Those of them that do not exist now."""
    replicas: int
    available: int
    was_available: bool
    """Available now, or seen available by this agent before."""
    created_at: str


class WorkloadHistoryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Output of `WorkloadHistory`, as JSON. Revisions are in rising order."""

    kind: str
    name: str
    namespace: str
    generation: int
    revision: int
    replicas: int
    ready_replicas: int
    available_replicas: int
    managed_by: str
    """`argocd`, `flux`, `helm` or empty: a GitOps-managed object gets no live patch."""
    revisions: list[RevisionSummary]
    memory_limits: dict[str, str] = {}
    """Current memory limit by container; empty string for none."""


class PodPlacement(msgspec.Struct, frozen=True, kw_only=True):
    """Where one pod of a node could go."""

    namespace: str
    pod: str
    owner_kind: str
    owner_name: str
    decision: Literal["evict", "skip", "forbidden", "no_room"]
    """`skip`: a DaemonSet's or mirror pod; `forbidden`: a budget refuses; `no_room`: no other ready node has the room."""
    target: str = ""
    why: str = ""


class DrainNodeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Output of `DrainNode`, as JSON."""

    node: str
    mode: str
    ready: str
    """The node's Ready condition: `True`, `False` or `Unknown`."""
    not_ready_seconds: float
    """Seconds since the Ready condition left `True`; 0 for a ready node."""
    placements: list[PodPlacement]
    feasible: bool
    """Every pod that must move can."""
    cordoned: bool = False
    tainted: bool = False
    workloads: list[WorkloadRef] = []


class RepairAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Output of an action that changed something, as JSON."""

    action: str
    changed: bool
    """False when the object was as wanted already (a repeated command)."""
    summary: str
    undo_action: str = ""
    undo_parameters: dict[str, Any] = {}
    generation: int = 0


class VerificationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Output of a verification, as JSON."""

    verified: bool
    summary: str
    observed: dict[str, Any] = {}
