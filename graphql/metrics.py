"""What the read API tells Prometheus about itself. Names and their meaning: docs/graphql.md; a renamed metric breaks alarms elsewhere."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Histogram

REQUEST_SECONDS: Final = Histogram(
    "aetherius_graphql_request_seconds",
    "Time of one query or mutation over HTTP, by how it was answered: compiled (one statement) or resolved (field by field)",
    ["path"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
ERRORS: Final = Counter("aetherius_graphql_errors", "Errors told to clients, by their code", ["code"])
CACHE_LOOKUPS: Final = Counter(
    "aetherius_graphql_cache_lookups", "Lookups in caches of documents, plans and statements", ["cache", "outcome"]
)
