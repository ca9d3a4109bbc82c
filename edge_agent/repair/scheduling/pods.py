"""Pods as the scheduler reads them: what they ask for, and what binds them to places and to each other."""

from __future__ import annotations

from typing import Any

import msgspec

from aetherius.edge_agent.kubernetes_objects import Container, Metadata, PodStatus, Toleration

Document = dict[str, Any]


class SchedulingContainer(Container, frozen=True, kw_only=True, rename="camel"):
    """A container; an init container that restarts always is a sidecar, which runs as long as the pod."""

    restart_policy: str = ""


class SchedulingSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What of a pod's spec decides where it may run. The rules are kept as they are written."""

    node_name: str = ""
    containers: tuple[SchedulingContainer, ...] = ()
    init_containers: tuple[SchedulingContainer, ...] = ()
    overhead: dict[str, str | int | float] = {}
    node_selector: dict[str, str] = {}
    affinity: Document | None = None
    topology_spread_constraints: tuple[Document, ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    volumes: tuple[Document, ...] = ()


class SchedulingPod(msgspec.Struct, frozen=True, kw_only=True):
    """A pod."""

    metadata: Metadata
    spec: SchedulingSpec = SchedulingSpec()
    status: PodStatus = PodStatus()

    @property
    def ended(self) -> bool:
        """It holds no room any more."""
        return self.status.phase in ("Succeeded", "Failed")

    @property
    def going(self) -> bool:
        """It is being deleted."""
        return self.metadata.deletion_timestamp is not None

    @property
    def ready(self) -> bool:
        """It serves."""
        return any(each.type == "Ready" and each.status == "True" for each in self.status.conditions)

    def rules(self, kind: str) -> tuple[Document, ...]:
        """The terms that must hold of `nodeAffinity`, `podAffinity` or `podAntiAffinity`."""
        of_kind = (self.spec.affinity or {}).get(kind) or {}
        required = of_kind.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
        return tuple(required.get("nodeSelectorTerms") or ()) if isinstance(required, dict) else tuple(required)
