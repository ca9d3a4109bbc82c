"""The disruption controller: keeps the status of PodDisruptionBudgets."""

from __future__ import annotations

from datetime import datetime

from aetherius.simulator.cluster import Cluster
from aetherius.simulator.disruption import budget_status
from aetherius.simulator.kinds import BUDGET


class Budgets:
    """Counts what budgets allow."""

    def __init__(self, cluster: Cluster) -> None:
        self._store = cluster.store

    def step(self, now: datetime) -> None:
        """One round over all budgets."""
        for budget in self._store.all(BUDGET):
            with self._store.modify(BUDGET, budget) as draft:
                draft["status"] = budget_status(self._store, budget)
