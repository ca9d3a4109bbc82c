"""A cluster under watch."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from aetherius.domain.aggregate import Aggregate
from aetherius.domain.event import Event, upcast


class Repairs(enum.StrEnum):
    """What is done with a repair that is approved."""

    ON = "on"
    DRY_RUN = "dry_run"
    """It is tried as a dry run, and said what would have been done."""


class Registered(Event, stream="Cluster", schema=2, frozen=True, kw_only=True):
    """A cluster joined: by hand, or by its agent's first registration."""

    cluster_id: str
    kubernetes_version: str = ""
    repairs: Repairs = Repairs.DRY_RUN
    """A cluster that is new to the platform is not changed before somebody says so."""


@upcast("Cluster.Registered.v1", Registered)
def _repaired_at_once(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "repairs": Repairs.ON}


class RepairsSet(Event, stream="Cluster", frozen=True, kw_only=True):
    """Somebody said whether this cluster may be changed."""

    repairs: Repairs
    by: str
    reason: str = ""


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
        self.repairs = Repairs.DRY_RUN

    @property
    def environment(self) -> str:
        """What its label says; empty for none."""
        return self.labels.get("environment", "")

    def join(self, cluster_id: str, kubernetes_version: str, at: datetime, repairs: Repairs = Repairs.DRY_RUN) -> None:
        """Register the cluster, or note that its version changed; does nothing when nothing is new.

        `repairs` counts when it is new: later only `set_repairs` changes it.
        """
        if not self.version:
            joined = Registered(cluster_id=cluster_id, kubernetes_version=kubernetes_version, repairs=repairs)
            self.record(joined, at)
        elif kubernetes_version != self.kubernetes_version:
            self.configure(kubernetes_version, self.labels, at)

    def configure(self, kubernetes_version: str, labels: dict[str, str], at: datetime) -> None:
        """Set version and labels."""
        self.record(Configured(cluster_id=self.cluster_id, kubernetes_version=kubernetes_version, labels=labels), at)

    def set_repairs(self, repairs: Repairs, by: str, reason: str, at: datetime) -> None:
        """Say whether it may be changed; does nothing when that is so already."""
        if repairs is not self.repairs:
            self.record(RepairsSet(repairs=repairs, by=by, reason=reason), at)

    def evolve(self, event: Event) -> None:
        match event:
            case Registered():
                self.cluster_id, self.kubernetes_version = event.cluster_id, event.kubernetes_version
                self.repairs = event.repairs
            case RepairsSet():
                self.repairs = event.repairs
            case Configured():
                self.kubernetes_version, self.labels = event.kubernetes_version, event.labels
            case _:
                pass
