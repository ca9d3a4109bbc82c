"""Workloads beside a repair: well before and ill after it, and nothing else, is worse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from aetherius.domain.repair.answers import VerificationAnswer
from aetherius.edge_agent.errors import ClusterRefusedError
from aetherius.edge_agent.repair.cluster import Cluster, Stopwatch
from aetherius.edge_agent.repair.neighbours import MOST, well, worse
from aetherius.edge_agent.repair.performers import shipped_performers
from fake_cluster import FakeApi, a_node, a_workload, cluster_of

APPS = "/apis/apps/v1/namespaces/shop"


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def cluster(api: FakeApi, tmp_path: Path) -> Cluster:
    return cluster_of(api, tmp_path)


def have(api: FakeApi, name: str, ready: int, plural: str = "deployments", **spec: Any) -> dict[str, Any]:
    status = {"readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": ready, "observedGeneration": 1}
    status["replicas"] = ready
    return api.put(f"{APPS}/{plural}/{name}", a_workload(name, status=status, spec=spec))


def test_those_with_all_their_replicas_are_well(api: FakeApi, cluster: Cluster) -> None:
    have(api, "web", 2)
    have(api, "api", 2)
    have(api, "ill", 1)
    have(api, "off", 0, replicas=0)
    have(api, "db", 2, "statefulsets")
    assert well(cluster, "shop", "web") == ["Deployment/shop/api@1", "StatefulSet/shop/db@1"]
    assert "Deployment/shop/web@1" in well(cluster)


def test_one_that_lacks_replicas_now_is_worse(api: FakeApi, cluster: Cluster) -> None:
    have(api, "api", 2)
    have(api, "ill", 1)
    before = well(cluster, "shop")
    have(api, "api", 1)
    assert worse(cluster, before, "shop") == ["Deployment/shop/api (1 of 2 replicas are Ready)"]


def test_what_somebody_changed_or_removed_is_not_worse(api: FakeApi, cluster: Cluster) -> None:
    have(api, "api", 2)
    have(api, "gone", 2)
    before = well(cluster, "shop")
    have(api, "api", 0)["metadata"]["generation"] = 2
    del api.objects[f"{APPS}/deployments/gone"]
    assert worse(cluster, before, "shop") == []


def test_where_nobody_may_look_nothing_is_compared(api: FakeApi, cluster: Cluster) -> None:
    have(api, "api", 2)
    before = well(cluster, "shop")
    have(api, "api", 0)
    api.forbidden.add(f"{APPS}/statefulsets")
    with pytest.raises(ClusterRefusedError):
        api.list(f"{APPS}/statefulsets")
    assert well(cluster, "shop") == []
    assert worse(cluster, before, "shop") == []


def test_of_very_many_some_are_compared(api: FakeApi, cluster: Cluster) -> None:
    for number in range(MOST + 1):
        have(api, f"w{number}", 2)
    assert len(well(cluster, "shop")) == MOST


class TestVerification:
    def verify(self, cluster: Cluster, before: list[str], action: str = "VerifyWorkload", **more: Any) -> Any:
        performers = shipped_performers()
        given = {"kind": "Deployment", "name": "web", "soak_seconds": 0.0, "deadline_seconds": 0.3}
        if action == "VerifyEvacuation":
            given = {"node": "n1", "workloads": [], "deadline_seconds": 0.3}
        typed = performers.parse(action, {**given, "neighbours": before, **more})
        found = performers.perform(typed, "shop", cluster, Stopwatch(5))
        return msgspec.json.decode(found, type=VerificationAnswer)

    def test_a_repair_that_made_others_ill_did_not_help(self, api: FakeApi, cluster: Cluster) -> None:
        have(api, "web", 2)
        have(api, "api", 2)
        before = well(cluster, "shop", "web")
        assert self.verify(cluster, before).verified
        have(api, "api", 1)
        found = self.verify(cluster, before)
        assert not found.verified
        assert "others are worse than before: Deployment/shop/api (1 of 2 replicas are Ready)" in found.summary

    def test_so_with_a_drain(self, api: FakeApi, cluster: Cluster) -> None:
        api.put("/api/v1/nodes/n1", a_node("n1"))
        have(api, "api", 2)
        before = well(cluster)
        assert self.verify(cluster, before, "VerifyEvacuation").verified
        have(api, "api", 1)
        assert "worse than before" in self.verify(cluster, before, "VerifyEvacuation").summary
