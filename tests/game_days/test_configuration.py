"""Configuration that comes late, is bad since long, or is gone."""

from __future__ import annotations

import time

from cluster_probe import ClusterProbe, Document, eventually
from game_day import GameDay, Scenario, game_day
from game_hands import GATED, deployed, generation, let_in, one_dies, play

BACK = frozenset({"RollbackDeployment"})


def _needs(space: ClusterProbe, kind: str, name: str, **annotations: str) -> None:
    """Roll out a template that takes its environment from an object."""
    containers = space.get("Deployment", "payments")["spec"]["template"]["spec"]["containers"]
    containers[0]["envFrom"] = [{kind: {"name": name}}]
    marks = {f"aetherius.test/{key.replace('_', '-')}": value for key, value in annotations.items()}
    template: Document = {"metadata": {"annotations": marks}, "spec": {"containers": containers}}
    space.patch("Deployment", "payments", {"spec": {"template": template}})


@game_day(
    Scenario(
        title="a secret comes two minutes late",
        decoy="a rollout that needs what will never be there",
        harm="a rollback while the secret is on its way",
        refuted_by="a rollback without a person's yes; a question that stays when the secret is there",
        says=frozenset({"Config"}),
        asks=BACK,
    )
)
def test_a_secret_that_comes_late_ends_it(day: GameDay) -> None:
    """One second for ten seconds: its operator writes the secret twelve seconds after the rollout."""
    space = day.space()
    deployed(space, "payments")
    day.begins()
    _needs(
        space, "secretRef", "payments-db",
        waits="CreateContainerConfigError", waits_because='secret "payments-db" not found',
    )  # fmt: skip
    day.until(day.opened, "an incident")
    time.sleep(12)
    space.create("Secret", {"metadata": {"name": "payments-db"}, "stringData": {"password": "late"}})
    play(space, "payments", waits="nothing")
    eventually(lambda: space.is_complete("payments"))
    day.until(lambda: day.ended(), "its end")
    assert day.ended() == ["recovered"]
    assert generation(space, "payments") == 2


@game_day(
    Scenario(
        title="a bad configuration is loaded days later, at a restart",
        decoy="the node that was replaced, or the image",
        harm="a restart of the healthy pods: all of them load it. A rollback of an image that is not at fault",
        refuted_by="any change to the Deployment or its pods",
        source="https://github.com/hjacobs/kubernetes-failure-stories",
    )
)
def test_old_pods_that_are_well_are_not_restarted(day: GameDay) -> None:
    """Of three pods of one revision only the one that was started again crashes."""
    space = day.space()
    deployed(space, "payments", image="registry.test/app:v0", replicas=3)
    space.kubectl("set", "image", "deployment/payments", "app=registry.test/app:v1")
    eventually(lambda: space.is_complete("payments"))
    old = {pod["metadata"]["uid"] for pod in space.pods("payments")}
    day.begins()
    one_dies(space, "payments")
    new = eventually(lambda: [pod for pod in space.pods("payments") if pod["metadata"]["uid"] not in old])[0]
    marks = {"aetherius.test/exits": "1"}
    space.patch("Pod", new["metadata"]["name"], {"metadata": {"annotations": marks}})
    day.until_diagnosed()
    assert len({pod["metadata"]["uid"] for pod in space.pods("payments")} & old) == 2
    assert generation(space, "payments") == 2


@game_day(
    Scenario(
        title="a synced object ends with the last pod that used it",
        decoy="the latest rollout, which brought the reference and ran well with it",
        harm="a rollback: the fault is not the rollout's. Restarts, again and again",
        refuted_by="a rollback, asked for or done",
        says=frozenset({"Config"}),
        source="https://github.com/Azure/secrets-store-csi-driver-provider-azure/issues/160",
    )
)
def test_what_was_deleted_under_a_workload_is_not_its_rollouts_fault(day: GameDay) -> None:
    """The rollout that brought the reference in ran well; then its only pod was replaced, and the object was gone with it."""
    space = day.space()
    space.create("ConfigMap", {"metadata": {"name": "synced"}, "data": {"currency": "EUR"}})
    space.deploy("payments", spec=GATED)
    let_in(space, "payments")
    eventually(lambda: space.is_complete("payments"))
    _needs(space, "configMapRef", "synced")
    let_in(space, "payments")
    eventually(lambda: space.is_complete("payments"))
    day.begins()
    space.kubectl("delete", "configmap", "synced")
    one_dies(space, "payments")
    missing = 'configmap "synced" not found'
    let_in(space, "payments", waits="CreateContainerConfigError", waits_because=missing)
    day.until_diagnosed()
    assert generation(space, "payments") == 2
