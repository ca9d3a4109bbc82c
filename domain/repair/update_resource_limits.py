"""Raise a container's memory limit: a rolling update, undone by the old limit. A second raise is a person's decision: a leak fills any limit."""

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
    base_risk = (RiskLevel.LOW, "a rolling update with a higher memory limit, undone by the old limit")

    def phase(self, parameters: UpdateResourceLimits) -> Phase:
        """By its mode."""
        return Phase(parameters.mode)

    def object_of(self, parameters: UpdateResourceLimits) -> str:
        """The workload."""
        return parameters.name

    def raises_risk(self, circumstances: Circumstances) -> list[tuple[RiskLevel, str]]:
        """A limit that was raised before, whatever this incident's past."""
        if circumstances.repeated and not circumstances.reopened:
            return [(RiskLevel.MEDIUM, "the trouble came back 1 time(s) after a repair")]
        return []

    def once_key(self, object: str) -> str:
        """The workload: a leak fills any limit."""
        return object

    def verification(self, parameters: UpdateResourceLimits, output: str, patience: Patience) -> Order:
        """The rollout is complete, and nothing was killed for memory in the soak time."""
        return watched(parameters.name, patience, watch_oom=True)


ENTRY = UpdateResourceLimitsRepair()
