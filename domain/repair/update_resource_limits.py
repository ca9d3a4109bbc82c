"""Raise a container's memory limit by a rolling update. A second raise is a person's decision: a leak fills any limit."""

from __future__ import annotations

from typing import Literal

import msgspec

from aetherius.domain.repair.action import Circumstances, Mode, Order, Phase, Repair
from aetherius.domain.repair.answers import Name
from aetherius.domain.repair.patience import Patience
from aetherius.domain.repair.verify_workload import watched
from aetherius.domain.risk import RiskLevel


class UpdateResourceLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Set the memory limit of one container in a workload's template (its request too, where that was above or equal to the limit)."""

    kind: Literal["Deployment"]
    name: Name
    container: Name
    memory_limit: Name
    """New limit as a quantity: `128Mi`."""
    expected_memory_limit: str
    """Refused when the workload has another limit by now: somebody was faster."""
    mode: Mode = "execute"
    recreate: bool = False
    """The Deployment is known to stop all replicas before it starts new ones."""
    approved_by_person: bool = False
    """Set by the platform alone, once a person has approved the order."""
    seen: list[str] = []
    """The facts that the approved plan stood on: with others, nothing is changed."""

    @property
    def undone(self) -> UpdateResourceLimits:
        """What puts the old limit back."""
        return msgspec.structs.replace(
            self, memory_limit=self.expected_memory_limit, expected_memory_limit=self.memory_limit, mode="execute"
        )


class UpdateResourceLimitsRepair(Repair[UpdateResourceLimits]):
    """The entry."""

    name = "UpdateResourceLimits"
    parameters = UpdateResourceLimits
    choice = "increase_memory"
    base_risk = (RiskLevel.LOW, "a rolling update with a higher memory limit")
    no_undo = "under the old limit it ran out of memory: whether to put that back is a person's decision"

    def phase(self, parameters: UpdateResourceLimits) -> Phase:
        """By its mode."""
        return Phase(parameters.mode)

    def object_of(self, parameters: UpdateResourceLimits) -> str:
        """The workload."""
        return parameters.name

    def raises_risk(self, circumstances: Circumstances) -> list[tuple[RiskLevel, str]]:
        """A limit that was raised before, whatever this incident's past; an outage of the whole workload while it restarts."""
        more = []
        if circumstances.repeated and not circumstances.reopened:
            more.append((RiskLevel.MEDIUM, "the trouble came back 1 time(s) after a repair"))
        if circumstances.parameters.get("recreate"):
            more.append((RiskLevel.HIGH, "all replicas stop before new ones start"))
        return more

    def once_key(self, object: str) -> str:
        """The workload: a leak fills any limit."""
        return object

    def verification(self, parameters: UpdateResourceLimits, output: str, patience: Patience) -> Order:
        """The rollout is complete, and nothing was killed for memory in the soak time."""
        return watched(parameters.name, output, patience, watch_oom=True)


ENTRY = UpdateResourceLimitsRepair()
