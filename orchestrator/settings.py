"""Settings of one orchestrator."""

from __future__ import annotations

from dataclasses import dataclass, field

from aetherius.domain.brake import Limits
from aetherius.domain.protection import PROTECTED_NAMESPACES
from aetherius.domain.repair.patience import Patience
from aetherius.domain.wire.command import MAX_TIMEOUT
from aetherius.event_store.sealing import SealingSettings
from aetherius.runtime.errors import SettingError
from aetherius.runtime.settings.settings import PREFIX
from aetherius.runtime.settings.shared import BusSettings, DatabaseSettings, HealthSettings, StopSettings
from aetherius.runtime.settings.units import Count, Seconds, Share

_LONGEST_APPROVAL = 14 * 86_400.0


@dataclass(frozen=True, repr=False)
class OrchestratorSettings(BusSettings, DatabaseSettings, HealthSettings, StopSettings, SealingSettings):
    """What one replica is told at its start."""

    SERVICE = "orchestrator"
    RENAMED = {"orchestrator_health_port": "health_port"}

    soak_time: Seconds = 60.0
    """After a repair its workload must stay well for this long before it counts as verified."""
    rollout_timeout: Seconds = 300.0
    """A rollout or an evacuation that takes longer has failed."""
    repair_timeout: Seconds = 120.0
    """The repair itself: a patch, or the evictions of a node."""
    analysis_timeout: Seconds = 30.0
    """One analysis; longer is a failed one."""
    min_confidence: Share = 0.6
    """An analysis less sure than this is `unknown`."""
    approval_timeout: Seconds = 14_400.0
    """A repair that a person must approve is rejected when nobody answered for so long: by then the cluster is not what the question was about."""
    repairs_at_once: Count = Limits().cluster_at_once
    """Under way in a cluster, at most; others wait for their turn."""
    repairs_at_once_namespace: Count = Limits().namespace_at_once
    """Under way in one namespace of a cluster, at most."""
    repairs_an_hour: Count = Limits().cluster_an_hour
    """Begun in a cluster in an hour without a person, at most; more is a storm, and a person's decision."""
    repairs_an_hour_namespace: Count = Limits().namespace_an_hour
    """Begun in one namespace of a cluster in an hour without a person, at most."""
    repairs_at_once_action: Count = Limits().action_at_once
    """Of one action (`DrainNode`) under way in a cluster, at most; an action may have a stricter limit of its own."""
    repairs_an_hour_action: Count = Limits().action_an_hour
    """Of one action begun in a cluster in an hour without a person, at most."""
    protected_namespaces: list[str] = field(default_factory=lambda: list(PROTECTED_NAMESPACES))
    """What only a person may have repaired, as JSON."""
    workflow_parameters: dict[str, dict[str, str]] = field(default_factory=dict)
    """By workflow, overrides of its parameters, as JSON: `{"diagnose_lost_node": {"grace": "30s"}}`."""

    def __post_init__(self) -> None:
        for name in ("soak_time", "rollout_timeout", "repair_timeout", "analysis_timeout"):
            if not 0 < getattr(self, name) <= MAX_TIMEOUT:
                raise SettingError(PREFIX + name.upper(), f"is not between 0 and {MAX_TIMEOUT:g} seconds")
        if not 0 < self.approval_timeout <= _LONGEST_APPROVAL:
            raise SettingError(PREFIX + "APPROVAL_TIMEOUT", f"is not between 0 and {_LONGEST_APPROVAL:g} seconds")
        if self.patience.verification > MAX_TIMEOUT:
            raise SettingError(
                PREFIX + "SOAK_TIME",
                f"is, with AETHERIUS_ROLLOUT_TIMEOUT, more than one command may take ({MAX_TIMEOUT:g} s)",
            )
        if not 0 <= self.min_confidence <= 1:
            raise SettingError(PREFIX + "MIN_CONFIDENCE", "is not between 0 and 1")

        for name in (each for each in self.__dataclass_fields__ if each.startswith("repairs_")):
            if getattr(self, name) < 0:
                raise SettingError(PREFIX + name.upper(), "is negative")

    def __repr__(self) -> str:
        return f"OrchestratorSettings(soak_time={self.soak_time}, rollout_timeout={self.rollout_timeout})"

    @property
    def limits(self) -> Limits:
        """What the brake allows."""
        return Limits(
            cluster_at_once=self.repairs_at_once,
            namespace_at_once=self.repairs_at_once_namespace,
            cluster_an_hour=self.repairs_an_hour,
            namespace_an_hour=self.repairs_an_hour_namespace,
            action_at_once=self.repairs_at_once_action,
            action_an_hour=self.repairs_an_hour_action,
        )

    @property
    def patience(self) -> Patience:
        """How long verifications wait."""
        return Patience(soak=self.soak_time, rollout=self.rollout_timeout, repair=self.repair_timeout)
