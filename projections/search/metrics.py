"""What Prometheus is told of the search index. Where its reader stands: `event_store/metrics.py`."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

BULK_SECONDS: Final = Histogram(
    "aetherius_search_bulk_seconds",
    "One request that stores documents",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
INDEXED: Final = Counter("aetherius_search_documents", "Documents sent to the index, repeats too")
REJECTED: Final = Counter("aetherius_search_rejected", "Documents that the index refused for themselves")
PARKED: Final = Gauge(
    "aetherius_search_parked", "Documents that were refused and wait for `aetherius search-index retry`"
)
WAITS: Final = Counter("aetherius_search_waits", "Times that the index was away or took no writes")
