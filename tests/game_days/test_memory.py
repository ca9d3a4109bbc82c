"""Containers that run out of memory, where a higher limit is not the answer or not ours to give."""

from __future__ import annotations

from cluster_probe import Document, eventually
from game_day import POLICY, GameDay, Scenario, game_day
from game_hands import deployed, generation, play, rolled_out

RAISE = frozenset({"UpdateResourceLimits"})


def _limit(deployment: Document) -> str:
    found: str = deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]
    return found


@game_day(
    Scenario(
        title="a release leaks memory",
        decoy="a limit that is too low",
        harm="one raise after the other: a leak fills any limit",
        refuted_by="a raise that no person was asked for",
        says=frozenset({"OOM"}),
        asks=RAISE | {"RollbackDeployment"},
    )
)
def test_a_leak_is_given_no_more_memory_by_itself(day: GameDay) -> None:
    """After a release each start is killed at its limit some seconds later, whatever the limit."""
    space = day.space()
    deployed(space, "api", replicas=2)
    day.begins()
    rolled_out(space, "api", "registry.test/app:v2", working_set="9000Mi", run_for="5s")
    day.until_diagnosed()
    day.until_calm(15.0)
    alone = [each for each in day.offers() if each.by == POLICY and each.action in RAISE]
    assert alone == []
    assert _limit(space.get("Deployment", "api")) == "128Mi"


@game_day(
    Scenario(
        title="an autoscaler on memory scales what is killed for memory",
        decoy="a limit that is too low, and nobody else at work",
        harm="a new limit: the autoscaler measures by it, and the two fight",
        refuted_by="a change to the Deployment that the autoscaler scales",
        says=frozenset({"OOM"}),
        refused=RAISE,
        asks=RAISE,
    )
)
def test_no_limit_is_raised_under_an_autoscaler(day: GameDay) -> None:
    """An operator has lowered the limit; a HorizontalPodAutoscaler on memory keeps the same Deployment."""
    space = day.space()
    deployed(space, "api", replicas=2, annotations={"aetherius.test/working-set": "96Mi"})
    target = {"type": "Utilization", "averageUtilization": 70}
    metrics = [{"type": "Resource", "resource": {"name": "memory", "target": target}}]
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"}
    spec = {"scaleTargetRef": scaled, "minReplicas": 2, "maxReplicas": 6, "metrics": metrics}
    space.create("HorizontalPodAutoscaler", {"metadata": {"name": "api"}, "spec": spec})
    day.begins()
    space.kubectl("set", "resources", "deployment/api", "--limits=memory=64Mi")
    day.until_diagnosed()
    assert any("HorizontalPodAutoscaler" in each for each in day.failures()), day.failures()
    assert generation(space, "api") == 2


@game_day(
    Scenario(
        title="a namespace's quota is full",
        decoy="a limit that is too low, and room for more; a Deployment that does not scale",
        harm="a limit that no pod may have: the rollout takes the last replica with it",
        refuted_by="a change to the Deployment",
        says=frozenset({"OOM"}),
        refused=RAISE,
        asks=RAISE,
    )
)
def test_no_limit_is_raised_beyond_a_quota(day: GameDay) -> None:
    """Both replicas are killed for memory, a third is refused, and the quota has no byte left."""
    space = day.space()
    space.create("ResourceQuota", {"metadata": {"name": "full"}, "spec": {"hard": {"limits.memory": "128Mi"}}})
    day.begins()
    space.deploy("api", replicas=3, memory="64Mi", annotations={"aetherius.test/working-set": "96Mi"})
    day.until_reported("FailedCreate")
    day.until_diagnosed()
    assert any("quota" in each.lower() for each in day.failures()), day.failures()
    assert generation(space, "api") == 1


@game_day(
    Scenario(
        title="a retry storm fills the memory of the cluster's name servers",
        decoy="the services that show errors; or name servers to restart",
        harm="a restart, which dies again; a change to a system namespace that nobody was asked for",
        refuted_by="a change in the system namespace without a person's yes",
        says=frozenset({"OOM"}),
        refused=RAISE,
        asks=RAISE,
        source="https://kubernetes-on-aws.readthedocs.io/en/latest/postmortems/jan-2019-dns-outage.html",
    )
)
def test_what_belongs_to_the_system_is_not_changed_alone(day: GameDay) -> None:
    """Both name servers are killed at their limit in the same second, and again as soon as they start."""
    system = day.admin.within("kube-system")
    day.finally_(lambda: system.kubectl("delete", "deployment", "names", "--wait=false"))
    deployed(system, "names", replicas=2)
    day.begins()
    play(system, "names", working_set="200Mi")
    eventually(lambda: system.waiting("names", "CrashLoopBackOff"))
    day.until_diagnosed()
    assert generation(system, "names") == 1
