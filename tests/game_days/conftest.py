"""The stage of the game days: nine nodes in three zones on a real control plane, one platform and one agent, for one scenario after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from built_servers import KUBERNETES
from game_day import Stage
from game_day_table import ROWS
from real_cluster import RealCluster
from real_site import SETTINGS, RealSite

ZONES = tuple(f"zone-{letter}" for letter in "abc" for _ in range(3))
QUICK = {
    "diagnose_lost_node": {"grace": "4s"},
    "diagnose_missing_config": {"settle": "3s"},
    "diagnose_image_pull": {"settle": "12s"},
    "diagnose_container_start": {"settle": "2s"},
    "diagnose_pod_crashloop": {"settle": "2s"},
    "diagnose_shared_cause": {"settle": "3s"},
}
"""Waits of the workflows: a fifth of the shipped ones for images, as one scenario counts on it; a few seconds for the others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Waiting for other installations on the machine, in a fixture, is no fault."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(600, func_only=True))


@pytest.fixture(scope="session")
def three_zones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """A control plane of the game days' own: a third of its nodes can be lost."""
    KUBERNETES.require()
    with RealCluster(tmp_path_factory.mktemp("three-zones"), ZONES).running() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def stage(alone: None, three_zones: RealCluster, open_folder: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """One platform for all scenarios."""
    settings = SETTINGS | {"AETHERIUS_WORKFLOW_PARAMETERS": json.dumps(QUICK)}
    with RealSite(three_zones, open_folder / "game-days", settings, AETHERIUS_AFTERMATH_SOAK="3").running() as site:
        yield Stage(site, request.config.stash[ROWS])
