"""The look that reads a Deployment's revisions: evidence for what a rollout brought in."""

from __future__ import annotations

from typing import Literal

import msgspec

from aetherius.domain.repair.action import Look, Phase
from aetherius.domain.repair.answers import Name


class WorkloadHistory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Read a Deployment's revisions: images, config references, availability, and who manages it."""

    kind: Literal["Deployment"]
    name: Name


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
    unseen_config: list[str] = []
    """Those of them that the agent may not look at: they may exist, or not."""
    config_keys: list[str] = []
    """Keys of them that the template needs by name, as `NAME:KEY` and `secret/NAME:KEY`."""
    memory_limits: dict[str, str] = {}
    """Memory limit by container; empty string for none. An older agent tells of none."""
    replicas: int
    available: int
    was_available: bool
    """Available now, or seen available by this agent before."""
    created_at: str


class WorkloadHistoryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent answers. Revisions are in rising order."""

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


class WorkloadHistoryLook(Look[WorkloadHistory]):
    """The entry."""

    name = "WorkloadHistory"
    parameters = WorkloadHistory
    asks = Phase.READ

    def object_of(self, parameters: WorkloadHistory) -> str:
        """The Deployment."""
        return parameters.name


ENTRY = WorkloadHistoryLook()
