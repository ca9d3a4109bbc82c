"""The command that a step orders: its target and placeholders filled in from the incident's object."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from aetherius.domain.catalogue.command_policy import command_policy
from aetherius.domain.command import Issued
from aetherius.domain.wire.command import CommandType, format_duration
from aetherius.domain.workflow.definition import CommandStep
from aetherius.domain.workflow.events import Target

DELIVERY = timedelta(seconds=30)
"""How long a command may wait for its agent, beyond its own timeout, before it expires."""

_SELECTORS: Final = frozenset({"--selector"})
_CONTAINERS: Final = frozenset({"--container", "--all-containers"})


def order_of(step: CommandStep, target: Target, workflow_id: UUID, now: datetime) -> Issued:
    """The order of a command step."""
    return Issued(
        cluster_id=target.cluster_id,
        type=CommandType.DIAGNOSTIC,
        tool=step.tool,
        action=step.action,
        args=with_target(step, target) if step.tool == "kubectl" else list(step.args),
        namespace=target.namespace,
        timeout=format_duration(step.timeout),
        issued_by="system:workflow",
        parameters={key: _filled(value, target) for key, value in step.parameters.items()},
        expires_at=now + timedelta(seconds=step.timeout) + DELIVERY,
        workflow_id=workflow_id,
        step_id=step.id,
    )


def with_target(step: CommandStep, target: Target) -> list[str]:
    """The arguments of a kubectl command; one that names no target acts on the incident's object (of a workload: its pod)."""
    args = list(step.args)
    words, flags = command_policy().kubectl.split(step.action, args)
    if words or flags & _SELECTORS or step.action not in ("logs", "describe", "get"):
        return args
    if step.action == "logs":
        container = ["-c", target.container] if target.container and not flags & _CONTAINERS else []
        return [target.pod or target.name, *container, *args]
    kind, name = ("pod", target.pod) if target.pod and target.kind != "Node" else (target.kind.lower(), target.name)
    return [kind, name, *args]


def _filled(value: Any, target: Target) -> Any:
    known = {
        "{name}": target.name,
        "{kind}": target.kind,
        "{pod}": target.pod,
        "{container}": target.container,
        "{node}": target.name,
    }
    return known.get(value, value) if isinstance(value, str) else value
