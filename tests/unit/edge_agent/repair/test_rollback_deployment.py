"""Back only to what is known to work, only from what has failed, and only by what was at fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aetherius.edge_agent.errors import RepairRefusedError
from fake_cluster import FakeApi, a_pod, a_workload, stamp

Act = Callable[..., dict[str, Any]]
APPS, SHOP = "/apis/apps/v1/namespaces/shop", "/api/v1/namespaces/shop"
WEB = f"{APPS}/deployments/web"
ORDER: dict[str, Any] = {"name": "web", "to_revision": 1, "expected_revision": 2}
REVISION = "deployment.kubernetes.io/revision"
BAD: dict[str, Any] = {"image": "registry.test/app:missing"}
WORSE: dict[str, Any] = {
    **BAD,
    "env": [{"name": "TOKEN", "value": "s3cret"}],
    "resources": {"limits": {"memory": "1Gi"}},
}


def replica_set(number: int, available: int, container: dict[str, Any], pod: dict[str, Any]) -> dict[str, Any]:
    made = a_workload(container=container, pod=pod)
    owners = [{"kind": "Deployment", "name": "web", "uid": "uid-web", "controller": True}]
    metadata: dict[str, Any] = {"namespace": "shop", "labels": {"app": "web"}, "annotations": {REVISION: str(number)}}
    metadata |= {"ownerReferences": owners, "creationTimestamp": stamp(600)}
    spec = {"replicas": available, "template": made["spec"]["template"]}
    return {"metadata": metadata, "spec": spec, "status": {"availableReplicas": available}}


def rollout(
    api: FakeApi,
    bad: dict[str, Any] = BAD,
    *,
    waiting: str = "ImagePullBackOff",
    ready_for: float = 300,
    pod: dict[str, Any] | None = None,
    **parts: Any,
) -> None:
    """Revision 1 serves, revision 2 came after it."""
    metadata = {"annotations": {REVISION: "2"}, **parts.pop("metadata", {})}
    api.put(WEB, a_workload(container=bad, pod=pod or {}, metadata=metadata, **parts))
    api.put(f"{APPS}/replicasets/web-1", replica_set(1, 2, {}, {}))
    api.put(f"{APPS}/replicasets/web-2", replica_set(2, 0, bad, pod or {}))
    old = api.put(f"{SHOP}/pods/web-1-a", a_pod("web-1-a", "n1", "web-1"))
    old["status"]["conditions"][0]["lastTransitionTime"] = stamp(ready_for)
    new = api.put(f"{SHOP}/pods/web-2-a", a_pod("web-2-a", "n1", "web-2", ready=False))
    new["status"]["containerStatuses"] = [{"name": "app", "state": {"waiting": {"reason": waiting}}}]
    for each in (old, new):
        each["metadata"]["labels"] = {"app": "web"}


def container(api: FakeApi) -> dict[str, Any]:
    found: dict[str, Any] = api.objects[WEB]["spec"]["template"]["spec"]["containers"][0]
    return found


def test_one_faulty_image_is_put_back(api: FakeApi, act: Act) -> None:
    rollout(api)
    answer = act("RollbackDeployment", **ORDER)
    assert answer["changes"] == ["spec.containers.app.image: registry.test/app:missing -> registry.test/app:v1"]
    assert container(api)["image"] == "registry.test/app:v1"


class TestWhatElseWouldBeUndone:
    def test_a_simulation_shows_it_without_values_that_may_be_secret(self, api: FakeApi, act: Act) -> None:
        rollout(api, WORSE)
        answer = act("RollbackDeployment", **ORDER, mode="simulate")
        told = "\n".join([*answer["changes"], *answer["warnings"]])
        assert "spec.containers.app.env.TOKEN" in told
        assert "spec.containers.app.resources.limits.memory: 1Gi -> 64Mi" in told
        assert "more than one thing would be undone" in told
        assert "s3cret" not in told
        assert api.writes == []

    @pytest.mark.parametrize("more", [{}, {"whole_template": True}, {"approved_by_person": True}])
    def test_more_than_the_fault_is_refused_unless_a_person_means_it(
        self, api: FakeApi, act: Act, more: dict[str, bool]
    ) -> None:
        rollout(api, WORSE)
        with pytest.raises(RepairRefusedError, match=r"differs in more than one thing.*env\.TOKEN"):
            act("RollbackDeployment", **ORDER, **more)
        assert api.writes == []

    def test_a_person_can_mean_it(self, api: FakeApi, act: Act) -> None:
        rollout(api, WORSE)
        assert act("RollbackDeployment", **ORDER, whole_template=True, approved_by_person=True)["changed"]
        assert "env" not in container(api)

    def test_only_the_image_can_be_put_back(self, api: FakeApi, act: Act) -> None:
        rollout(api, WORSE)
        answer = act("RollbackDeployment", **ORDER, only_images=True)
        assert container(api)["image"] == "registry.test/app:v1"
        assert container(api)["env"] == WORSE["env"]
        assert "the older image would run with what came later" in answer["warnings"][0]
        assert not act("RollbackDeployment", **ORDER, only_images=True)["changed"]

    def test_two_images_are_two_things_unless_one_is_named(self, api: FakeApi, act: Act) -> None:
        rollout(api)
        for path, image in ((WEB, "p:2"), (f"{APPS}/replicasets/web-2", "p:2"), (f"{APPS}/replicasets/web-1", "p:1")):
            api.objects[path]["spec"]["template"]["spec"]["containers"].append({"name": "proxy", "image": image})
        with pytest.raises(RepairRefusedError, match=r"proxy\.image"):
            act("RollbackDeployment", **ORDER, only_images=True)
        assert act("RollbackDeployment", **ORDER, only_images=True, container="app")["changed"]
        assert api.objects[WEB]["spec"]["template"]["spec"]["containers"][1]["image"] == "p:2"

    def test_references_to_configuration_are_one_thing(self, api: FakeApi, act: Act) -> None:
        volumes = {"volumes": [{"name": "settings", "configMap": {"name": "settings"}}]}
        needs = {"envFrom": [{"configMapRef": {"name": "settings"}}]}
        mounts = {"volumeMounts": [{"name": "settings", "mountPath": "/etc/settings"}]}
        rollout(api, {**needs, **mounts}, waiting="CreateContainerConfigError", pod=volumes)
        assert act("RollbackDeployment", **ORDER)["changed"]


class TestFrom:
    def test_a_slow_rollout_is_not_a_failed_one(self, api: FakeApi, act: Act) -> None:
        rollout(api, waiting="ContainerCreating")
        with pytest.raises(RepairRefusedError, match="not failing, only not over: 2 old replicas serve"):
            act("RollbackDeployment", **ORDER)

    def test_but_one_past_its_deadline_is(self, api: FakeApi, act: Act) -> None:
        stalled = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
        rollout(api, waiting="ContainerCreating", status={"conditions": [stalled]})
        assert act("RollbackDeployment", **ORDER)["changed"]

    def test_a_rollout_that_is_well_stays(self, api: FakeApi, act: Act) -> None:
        well = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
        rollout(api, waiting="", status=well)
        with pytest.raises(RepairRefusedError, match="complete and available by now"):
            act("RollbackDeployment", **ORDER)

    @pytest.mark.parametrize(
        ("parts", "why"),
        [
            ({"spec": {"paused": True}}, "paused"),
            ({"metadata": {"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}}, "managed by flux"),
        ],
    )
    def test_what_the_deployment_says_against_it(self, api: FakeApi, act: Act, parts: dict[str, Any], why: str) -> None:
        rollout(api, **parts)
        api.objects[WEB]["metadata"].setdefault("annotations", {})[REVISION] = "2"
        with pytest.raises(RepairRefusedError, match=why):
            act("RollbackDeployment", **ORDER)


class TestTo:
    def test_an_instant_of_availability_proves_nothing(self, api: FakeApi, act: Act) -> None:
        rollout(api, ready_for=5)
        with pytest.raises(RepairRefusedError, match="nobody knows that it works"):
            act("RollbackDeployment", **ORDER)

    def test_a_revision_with_replicas_of_which_none_is_available(self, api: FakeApi, act: Act) -> None:
        rollout(api)
        api.objects[f"{APPS}/replicasets/web-1"]["status"] = {}
        with pytest.raises(RepairRefusedError, match="none of them is available"):
            act("RollbackDeployment", **ORDER)

    def test_what_a_repair_took_back_is_known_to_be_bad(self, api: FakeApi, act: Act) -> None:
        rollout(api)
        act("RollbackDeployment", **ORDER)
        api.objects[WEB]["metadata"]["annotations"][REVISION] = "1"
        with pytest.raises(RepairRefusedError, match="revision 2 is known to be bad"):
            act("RollbackDeployment", name="web", to_revision=2, expected_revision=1)

    def test_one_that_needs_what_is_gone(self, api: FakeApi, act: Act) -> None:
        rollout(api)
        for path in (f"{APPS}/replicasets/web-1", f"{APPS}/replicasets/web-2", WEB):
            spec = api.objects[path]["spec"]["template"]["spec"]
            spec["containers"][0]["envFrom"] = [{"configMapRef": {"name": "gone"}}]
        with pytest.raises(RepairRefusedError, match="needs what is not there: gone"):
            act("RollbackDeployment", **ORDER)


class TestMigrations:
    def test_an_init_container_that_changed_is_told(self, api: FakeApi, act: Act) -> None:
        rollout(api, pod={"initContainers": [{"name": "migrate", "image": "m:2"}]})
        answer = act("RollbackDeployment", **ORDER, mode="simulate")
        assert any("init container migrate changed" in each for each in answer["warnings"])

    @pytest.mark.parametrize(
        ("name", "age", "told"), [("db-migrate", 500, True), ("db-migrate", 9000, False), ("x", 5, False)]
    )
    def test_a_job_that_ran_for_the_rollout_is_told(
        self, api: FakeApi, act: Act, name: str, age: float, told: bool
    ) -> None:
        rollout(api)
        job = {"metadata": {"namespace": "shop", "creationTimestamp": stamp(age)}}
        api.put(f"/apis/batch/v1/namespaces/shop/jobs/{name}", job)
        answer = act("RollbackDeployment", **ORDER)
        assert any(f"Job {name}" in each for each in answer.get("warnings", [])) == told
