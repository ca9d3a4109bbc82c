"""Settings of one orchestrator. Each may be given in the environment as `AETHERIUS_` + its name in capitals; durations are seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from aetherius.domain.repair.patience import Patience
from aetherius.domain.wire.command import MAX_TIMEOUT
from aetherius.event_store.sealing import SealingSettings
from aetherius.runtime.environment import PREFIX, settings_from
from aetherius.runtime.errors import SettingError

_LONGEST_APPROVAL = 14 * 86_400.0


@dataclass(frozen=True, repr=False)
class OrchestratorSettings(SealingSettings):
    """What one replica is told at its start. Not in `repr`: both addresses hold passwords."""

    postgres_dsn: str
    """The log's database, as libpq reads it."""
    nats_url: str
    """`nats://user:password@host:port`, a user who may do everything."""
    postgres_connections: int = 8
    """Connections to the log at most."""
    soak_time: float = 60.0
    """After a repair its workload must stay well for this long before it counts as verified."""
    rollout_timeout: float = 300.0
    """A rollout or an evacuation that takes longer has failed."""
    repair_timeout: float = 120.0
    """The repair itself: a patch, or the evictions of a node."""
    analysis_timeout: float = 30.0
    """One analysis; longer is a failed one."""
    min_confidence: float = 0.6
    """An analysis less sure than this (0 to 1) is `unknown`."""
    approval_timeout: float = 14_400.0
    """A repair that a person must approve is rejected when nobody answered for so long: by then the cluster is not what the question was about."""
    workflow_parameters: dict[str, dict[str, str]] = field(default_factory=dict)
    """By workflow, overrides of its parameters, as JSON: `{"diagnose_lost_node": {"grace": "30s"}}`."""
    drain_timeout: float = 8.0
    """How long stopping may take to finish what was taken. Below the supervisor's ten seconds."""

    orchestrator_health_port: int = 0
    """Port of `/healthz`, `/readyz` and `/metrics` on `health_host`; 0: no such server."""
    health_host: str = "127.0.0.1"
    """Address for them; `0.0.0.0` in a pod."""

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

    def __repr__(self) -> str:
        return f"OrchestratorSettings(soak_time={self.soak_time}, rollout_timeout={self.rollout_timeout})"

    @property
    def patience(self) -> Patience:
        """How long verifications wait."""
        return Patience(soak=self.soak_time, rollout=self.rollout_timeout, repair=self.repair_timeout)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings.

        Raises:
            SettingError: one is missing, malformed or out of bounds (the error names it, never its value).
        """
        return settings_from(cls, environment)
