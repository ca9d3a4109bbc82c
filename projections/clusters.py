"""The clusters read model: every cluster under watch."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from aetherius.domain.cluster import Configured, QuotaSet, Registered, Repairs, RepairsSet
from aetherius.domain.event import Recorded
from aetherius.projections.read_model import Column, Filter, ReadModel, Row, topics_of_streams


class ClusterRow(Row, frozen=True, kw_only=True):
    """One cluster."""

    cluster_id: str
    kubernetes_version: str
    labels: dict[str, str] = {}
    repairs: Repairs = Repairs.DRY_RUN
    events_per_minute: int | None = None
    commands_per_minute: int | None = None
    registered_at: datetime
    updated_at: datetime
    version: int


class ClusterFilter(Filter, frozen=True, kw_only=True):
    """Which clusters."""

    cluster_id: str | None = None


class Clusters(ReadModel[ClusterRow]):
    """Current and past clusters."""

    name = "clusters"
    row = ClusterRow
    topics = topics_of_streams("Cluster")
    build = 2
    columns = {"cluster_id": Column(indexed=True)}

    def evolve(self, row: ClusterRow | None, recorded: Recorded) -> ClusterRow | None:
        """The cluster after an event; the first one makes it, whichever it is."""
        event, at = recorded.event, recorded.occurred_at
        if row is None:
            row = ClusterRow(
                id=recorded.stream_id,
                cluster_id=getattr(event, "cluster_id", ""),
                kubernetes_version="",
                registered_at=at,
                updated_at=at,
                version=recorded.version,
            )
        row = replace(row, updated_at=at, version=recorded.version)
        match event:
            case Registered():
                known = replace(row, cluster_id=event.cluster_id, kubernetes_version=event.kubernetes_version)
                return replace(known, repairs=event.repairs)
            case RepairsSet():
                return replace(row, repairs=event.repairs)
            case Configured():
                return replace(row, kubernetes_version=event.kubernetes_version, labels=event.labels)
            case QuotaSet():
                return replace(
                    row, events_per_minute=event.events_per_minute, commands_per_minute=event.commands_per_minute
                )
            case _:
                return row
