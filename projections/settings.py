"""Settings of the projections' process."""

from __future__ import annotations

from dataclasses import dataclass

from aetherius.event_store.sealing import SealingSettings
from aetherius.projections.search.settings import SearchSettings
from aetherius.runtime.settings.shared import HealthSettings
from aetherius.runtime.settings.units import Events


@dataclass(frozen=True, repr=False)
class ProjectionsSettings(SealingSettings, SearchSettings, HealthSettings):
    """What one replica is told at its start."""

    SERVICE = "projections"
    RENAMED = {"projections_batch": "commit_events", "projections_health_port": "health_port"}

    commit_events: Events = 2000
    """In one transaction, about: more gain little, fewer cost an fsync each. Of the search index: what is held in memory while it is away."""


@dataclass(frozen=True, repr=False)
class SearchProcessSettings(ProjectionsSettings):
    """The same, for the process that keeps the search index."""

    SERVICE = "search"
    RENAMED = {"search_batch": "commit_events", "search_health_port": "health_port"}
