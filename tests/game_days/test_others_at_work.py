"""Controllers, pipelines and people who are at work already."""

from __future__ import annotations

import time

from cluster_probe import ClusterProbe, eventually
from game_day import GameDay, Scenario, game_day
from game_hands import deployed, generation, rolled_out


@game_day(
    Scenario(
        title="an evictor moves healthy pods, again and again",
        decoy="a crash loop of the release before it",
        harm="a rollback, or new limits: the evictions go on",
        refuted_by="an incident, or any change to the workload",
        source="https://github.com/ministryofjustice/cloud-platform",
    )
)
def test_pods_that_are_moved_about_are_well(day: GameDay) -> None:
    """A release, and then three waves of evictions of pods that run well."""
    space = day.space()
    deployed(space, "web", replicas=4)
    rolled_out(space, "web", "registry.test/app:v2")
    eventually(lambda: space.is_complete("web"))
    day.begins()
    for _ in range(3):
        for pod in space.pods("web")[:2]:
            _evict(space, pod["metadata"]["name"])
        eventually(lambda: space.is_complete("web"))
    day.until_calm()
    assert day.opened() == []
    assert generation(space, "web") == 2


@game_day(
    Scenario(
        title="a pipeline and an autoscaler write the same replicas",
        decoy="an image that is slow to start",
        harm="a rollback: it writes the low number once more",
        refuted_by="an incident, or any change to the workload",
        source="https://github.com/pegasystems/pega-helm-charts/pull/917",
    )
)
def test_two_owners_of_a_field_get_no_third(day: GameDay) -> None:
    """Each release says one replica, and the autoscaler four again."""
    space = day.space()
    deployed(space, "web", replicas=4)
    day.begins()
    for number in (2, 3):
        space.kubectl("scale", "deployment/web", "--replicas=1")
        rolled_out(space, "web", f"registry.test/app:v{number}")
        time.sleep(2)
        space.kubectl("scale", "deployment/web", "--replicas=4")
        eventually(lambda: space.is_complete("web"))
    day.until_calm()
    assert day.opened() == []


@game_day(
    Scenario(
        title="a GitOps tool prunes what crashes, and all beside it",
        decoy="a cluster or storage that failed",
        harm="to create it anew, object by object, while the tool still prunes",
        refuted_by="an object that is there again; an incident that stays open for what is gone",
        source="https://www.influxdata.com/blog/deleting-production-steps-how-fix-it/",
    )
)
def test_what_was_pruned_stays_away(day: GameDay) -> None:
    """One of two Deployments has an open incident when both are deleted in one sync."""
    space = day.space()
    for name in ("api", "web"):
        deployed(space, name, replicas=2)
    day.begins()
    rolled_out(space, "api", exits="1")
    day.until(day.diagnoses, "a diagnosis")
    space.kubectl("delete", "deployment", "--all")
    day.until(day.ended, "its end")
    day.until_calm()
    assert day.ended() == ["gone"]
    assert space.listed("Deployment") == []


def _evict(space: ClusterProbe, pod: str) -> None:
    path = f"/api/v1/namespaces/{space.namespace}/pods/{pod}/eviction"
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": space.namespace}}
    code, answer = space.request("POST", path, body)
    assert code == 201, answer
