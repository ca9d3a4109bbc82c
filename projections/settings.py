"""Settings of the projections' process. Each may be given in the environment as `AETHERIUS_` + its name in capitals; durations are seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from aetherius.event_store.sealing import SealingSettings
from aetherius.projections.search.settings import SearchSettings
from aetherius.runtime.environment import settings_from


@dataclass(frozen=True, repr=False)
class ProjectionsSettings(SealingSettings, SearchSettings):
    """What one replica is told at its start. Not in `repr`: the address holds a password."""

    postgres_dsn: str
    """The database of the log and of the read models, as libpq reads it."""
    postgres_connections: int = 8
    """Connections at most: one for each read model at work, and one to spare."""
    projections_batch: int = 2000
    """Events in one transaction at most: more gains little, fewer cost an fsync each."""

    search_batch: int = 2000
    """Events whose documents go to the search index at a time, at most: they are what is held in memory while it is away."""

    projections_health_port: int = 0
    """Port of `/healthz`, `/readyz` and `/metrics` on `health_host`; 0: no such server."""
    search_health_port: int = 0
    """The same for the search process."""
    health_host: str = "127.0.0.1"
    """Address for them; `0.0.0.0` in a pod."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings.

        Raises:
            SettingError: one is missing or malformed (the error names it, never its value).
        """
        return settings_from(cls, environment)
