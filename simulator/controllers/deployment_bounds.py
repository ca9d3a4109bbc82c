"""How far a rolling update may go over and under the wanted number of pods."""

from __future__ import annotations

from aetherius.simulator.documents import Document
from aetherius.simulator.quantities import integer_or_percent


def bounds(deployment: Document) -> tuple[int, int]:
    """maxSurge and maxUnavailable in pods; both 0 would stall, so then one may be unavailable."""
    replicas, rolling = deployment["spec"]["replicas"], deployment["spec"]["strategy"].get("rollingUpdate") or {}
    surge = integer_or_percent(rolling.get("maxSurge", 0), replicas, round_up=True)
    unavailable = integer_or_percent(rolling.get("maxUnavailable", 0), replicas, round_up=False)
    return surge, unavailable if surge or unavailable else 1
