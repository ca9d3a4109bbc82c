"""What fan-out and competing consumers tell Prometheus. Names and their meaning: docs/operations/log.md; a renamed metric breaks alarms elsewhere."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge

FOLLOWERS: Final = Gauge(
    "aetherius_fan_out_followers", "Followers of the log in this process: live, or catching up by themselves", ["state"]
)
DROPPED: Final = Counter("aetherius_fan_out_dropped", "Times that a follower was too slow, and reads by itself again")
QUEUED: Final = Gauge("aetherius_fan_out_queued_events", "Events that wait for the slowest live follower")

DELIVERIES: Final = Counter(
    "aetherius_deliveries",
    "Deliveries of competing consumers in this process, by what became of them",
    ["subscription", "outcome"],
)
WAITING: Final = Gauge("aetherius_deliveries_waiting", "Events that are not delivered yet", ["subscription"])
PARKED: Final = Gauge(
    "aetherius_deliveries_parked", "Deliveries that were given up until somebody looks", ["subscription"]
)
