"""Performers on a cluster in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aetherius.edge_agent.repair.cluster import Stopwatch
from aetherius.edge_agent.repair.performers import shipped_performers
from fake_cluster import FakeApi, cluster_of


@pytest.fixture
def api() -> FakeApi:
    api = FakeApi()
    api.put("/api/v1/namespaces/shop", {"metadata": {}})
    return api


@pytest.fixture
def act(api: FakeApi, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Does an action in the namespace `shop` and returns its answer."""
    cluster = cluster_of(api, tmp_path)

    def act(
        kind: str, /, *, watch: Stopwatch | None = None, namespace: str = "shop", **parameters: Any
    ) -> dict[str, Any]:
        performers = shipped_performers()
        typed = performers.parse(kind, parameters)
        answer: dict[str, Any] = msgspec.json.decode(
            performers.perform(typed, namespace, cluster, watch or Stopwatch(10))
        )
        return answer

    return act
