"""A cluster under watch."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from aetherius.domain.aggregate import Aggregate
from aetherius.domain.event import Event


class Registered(Event, stream="Cluster", frozen=True, kw_only=True):
    """A cluster joined: by hand, or by its agent's first registration."""

    cluster_id: str
    kubernetes_version: str = ""


class Configured(Event, stream="Cluster", frozen=True, kw_only=True):
    """Settings of a cluster changed; the event holds all of them."""

    cluster_id: str
    kubernetes_version: str = ""
    labels: dict[str, str] = {}


class QuotaSet(Event, stream="Cluster", frozen=True, kw_only=True):
    """Limits of what a cluster may use."""

    cluster_id: str
    events_per_minute: int
    commands_per_minute: int


class Cluster(Aggregate):
    """One cluster."""

    stream = "Cluster"

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.cluster_id = ""
        self.kubernetes_version = ""
        self.labels: dict[str, str] = {}

    def join(self, cluster_id: str, kubernetes_version: str, at: datetime) -> None:
        """Register the cluster, or note that its version changed; does nothing when nothing is new."""
        if not self.version:
            self.record(Registered(cluster_id=cluster_id, kubernetes_version=kubernetes_version), at)
        elif kubernetes_version != self.kubernetes_version:
            self.configure(kubernetes_version, self.labels, at)

    def configure(self, kubernetes_version: str, labels: dict[str, str], at: datetime) -> None:
        """Set version and labels."""
        self.record(Configured(cluster_id=self.cluster_id, kubernetes_version=kubernetes_version, labels=labels), at)

    def evolve(self, event: Event) -> None:
        match event:
            case Registered():
                self.cluster_id, self.kubernetes_version = event.cluster_id, event.kubernetes_version
            case Configured():
                self.kubernetes_version, self.labels = event.kubernetes_version, event.labels
            case _:
                pass
