"""A drain is guilty until proven safe: what it refuses, what it waits for, and that it tells the truth about what is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from aetherius.edge_agent.errors import ClusterRefusedError, RepairRefusedError
from aetherius.edge_agent.repair.cluster import Stopwatch
from fake_cluster import LEASES, NODES, FakeApi, a_lease, a_node, a_pod

Act = Callable[..., dict[str, Any]]
OFF = {"key": "node.cloudprovider.kubernetes.io/shutdown", "effect": "NoSchedule"}
PODS = "/api/v1/namespaces/shop/pods"


def lost(api: FakeApi, *, ready: str = "Unknown", age: float = 600, off: bool = True, **parts: Any) -> None:
    """Node n1, not ready, and two others; one pod of `web` on it, not ready."""
    api.put(f"{NODES}/n1", a_node("n1", ready, taints=[OFF] if off else [], **parts))
    for name in ("n2", "n3", "n4"):
        api.put(f"{NODES}/{name}", a_node(name))
    api.put(f"{LEASES}/n1", a_lease(age))
    api.put(f"{PODS}/web-1", a_pod("web-1", "n1", ready=False))


def alive(api: FakeApi, pods: int = 1, **spec: Any) -> None:
    """Node n1, ready, with Ready pods of `web`, and two others."""
    for name in ("n1", "n2", "n3"):
        api.put(f"{NODES}/{name}", a_node(name))
    for number in range(1, pods + 1):
        api.put(f"{PODS}/web-{number}", a_pod(f"web-{number}", "n1", spec=spec))


def lets_go(api: FakeApi) -> None:
    """Evicted pods are gone at once."""

    def gone(pod: str, dry_run: bool) -> None:
        if not dry_run:
            api.objects[f"{PODS}/{pod}"]["spec"]["nodeName"] = "n9"

    api.on_evict = gone


def tainted(api: FakeApi) -> bool:
    return any("out-of-service" in each["key"] for each in api.objects[f"{NODES}/n1"]["spec"]["taints"])


def drain(act: Act, **more: Any) -> dict[str, Any]:
    return act("DrainNode", **{"node": "n1", "mode": "execute", "deadline_seconds": 1.2, **more})


class TestTaint:
    def test_a_node_that_is_silent_for_long_and_off_is_tainted(self, api: FakeApi, act: Act) -> None:
        lost(api)
        answer = drain(act, only_lost=True)
        assert (answer["tainted"], tainted(api)) == (True, True)
        assert "shop/web-1" in answer["taint"]

    @pytest.mark.parametrize(
        ("state", "why"),
        [
            ({"ready": "False"}, "Ready condition is False"),
            ({"age": 120}, "it counts as dead only after 300 s"),
            ({"off": False}, "nobody has confirmed that the machine is off"),
        ],
    )
    def test_any_doubt_evicts_and_taints_nothing_and_says_why(
        self, api: FakeApi, act: Act, state: dict[str, Any], why: str
    ) -> None:
        lost(api, **state)
        answer = drain(act)
        assert not tainted(api)
        assert api.evicted == ["web-1"]
        assert why in answer["taint"]
        assert answer["left"] == ["shop/web-1 (terminating)"]
        assert answer["moved"] == 0

    def test_a_missing_lease_is_a_doubt(self, api: FakeApi, act: Act) -> None:
        lost(api)
        del api.objects[f"{LEASES}/n1"]
        assert "no lease" in drain(act)["taint"]
        assert not tainted(api)

    def test_a_person_may_say_that_it_is_down(self, api: FakeApi, act: Act) -> None:
        lost(api, off=False)
        assert drain(act, confirmed_down=True)["tainted"]

    def test_a_persons_word_makes_no_living_kubelet_dead(self, api: FakeApi, act: Act) -> None:
        lost(api, ready="False", off=False)
        assert not drain(act, confirmed_down=True)["tainted"]

    def test_a_short_lease_scales_the_wait(self, api: FakeApi, act: Act) -> None:
        lost(api)
        api.put(f"{LEASES}/n1", a_lease(40, duration=4))
        assert drain(act)["tainted"]

    def test_pods_that_nobody_starts_again_are_not_lost_without_a_word(self, api: FakeApi, act: Act) -> None:
        lost(api)
        api.put(f"{PODS}/solo", a_pod("solo", "n1", owner="", ready=False))
        answer = drain(act)
        assert not answer["tainted"]
        assert "shop/solo" in answer["taint"]
        assert drain(act, may_lose_data=True)["tainted"]

    def test_a_simulation_lists_all_that_the_taint_removes(self, api: FakeApi, act: Act) -> None:
        lost(api)
        api.put(f"{PODS}/log-1", a_pod("log-1", "n1", owner="log", kind="DaemonSet", ready=False))
        api.put(f"{PODS}/solo", a_pod("solo", "n1", owner="", ready=False))
        api.put(
            f"{PODS}/tough",
            a_pod("tough", "n1", owner="t", kind="DaemonSet", spec={"tolerations": [{"operator": "Exists"}]}),
        )
        api.objects[f"{PODS}/web-1"]["spec"]["volumes"] = [{"name": "cache", "emptyDir": {}}]
        budget = {"metadata": {"namespace": "shop"}, "spec": {"selector": {"matchLabels": {"app": "web"}}}}
        api.put("/apis/policy/v1/namespaces/shop/poddisruptionbudgets/web", budget)
        answer = drain(act, mode="simulate")
        by_pod = {each["pod"]: each for each in answer["placements"]}
        assert {name for name, each in by_pod.items() if each["lost_by_taint"]} == {"web-1", "log-1", "solo"}
        assert (by_pod["web-1"]["budgets"], by_pod["web-1"]["local_data"]) == (["web"], ["emptyDir cache"])
        assert "solo (nobody starts it again)" in answer["taint"]
        assert "web-1 (of ReplicaSet; budget web; emptyDir cache)" in answer["taint"]
        assert (api.writes, api.evicted) == ([], [])


class TestRefusals:
    @pytest.mark.parametrize(
        ("parts", "why"),
        [
            ({"labels": {"node-role.kubernetes.io/control-plane": ""}}, "control plane"),
            ({"unschedulable": True}, "cordoned by somebody else"),
            ({"annotations": {"aetherius.io/protected": "true"}}, "a person must approve"),
            ({"annotations": {"karpenter.sh/disruption": "x"}}, "an autoscaler has marked"),
        ],
    )
    def test_a_node_that_is_not_ours_to_drain(self, api: FakeApi, act: Act, parts: dict[str, Any], why: str) -> None:
        lost(api, **parts)
        with pytest.raises(RepairRefusedError, match=why):
            drain(act)
        assert (api.writes, api.evicted) == ([], [])

    @pytest.mark.parametrize("key", ["ToBeDeletedByClusterAutoscaler", "DeletionCandidateOfClusterAutoscaler"])
    def test_a_node_that_an_autoscaler_takes(self, api: FakeApi, act: Act, key: str) -> None:
        lost(api)
        api.objects[f"{NODES}/n1"]["spec"]["taints"].append({"key": key, "effect": "NoSchedule"})
        with pytest.raises(RepairRefusedError, match="autoscaler"):
            drain(act)
        assert not drain(act, mode="simulate")["feasible"]

    def test_a_cordon_that_is_ours_or_known_is_no_reason(self, api: FakeApi, act: Act) -> None:
        lost(api, unschedulable=True)
        assert drain(act, over_cordon=True)["tainted"]
        lost(api, unschedulable=True, annotations={"aetherius.io/cordoned": "true"})
        assert drain(act)["tainted"]

    @pytest.mark.parametrize(("down", "place"), [(("n2", "n3"), "zone a"), (("n4", "n5"), "the cluster")])
    def test_an_outage_is_not_one_nodes_trouble(
        self, api: FakeApi, act: Act, down: tuple[str, ...], place: str
    ) -> None:
        zone = {"topology.kubernetes.io/zone": "a"}
        lost(api, labels=zone)
        for name in ("n2", "n3", "n4", "n5", "n6"):
            own = zone if name in ("n2", "n3") else {}
            api.put(f"{NODES}/{name}", a_node(name, "Unknown" if name in down else "True", labels=own))
        with pytest.raises(RepairRefusedError, match=f"outage of {place}"):
            drain(act)

    def test_another_lost_node_is_no_outage_yet(self, api: FakeApi, act: Act) -> None:
        lost(api)
        api.put(f"{NODES}/n2", a_node("n2", "Unknown"))
        assert drain(act)["tainted"]

    @pytest.mark.parametrize("namespace", ["kube-system", "aetherius", "vault"])
    def test_protected_pods_move_only_with_a_persons_yes(self, api: FakeApi, act: Act, namespace: str) -> None:
        lost(api)
        api.put("/api/v1/namespaces/vault", {"metadata": {"annotations": {"aetherius.io/protected": "true"}}})
        api.put(f"/api/v1/namespaces/{namespace}/pods/dns", a_pod("dns", "n1", namespace=namespace, ready=False))
        assert drain(act, mode="simulate")["feasible"], "it can be proposed: a person is asked anyway"
        with pytest.raises(RepairRefusedError, match="a person must approve"):
            drain(act)
        assert drain(act, approved_by_person=True)["tainted"]

    def test_data_of_a_running_pod_is_kept(self, api: FakeApi, act: Act) -> None:
        alive(api, volumes=[{"name": "cache", "emptyDir": {}}])
        lets_go(api)
        with pytest.raises(RepairRefusedError, match="data would be lost: emptyDir cache"):
            drain(act)
        assert drain(act, may_lose_data=True)["moved"] == 1


class TestEvictions:
    def test_a_budget_of_pods_that_serve_forbids_before_anything_is_changed(self, api: FakeApi, act: Act) -> None:
        alive(api)
        api.on_evict = refusing("DisruptionBudget")
        with pytest.raises(RepairRefusedError, match="must not be evicted"):
            drain(act)
        assert api.writes == []

    def test_a_budget_of_pods_that_are_dead_anyway_blocks_nothing_else(self, api: FakeApi, act: Act) -> None:
        lost(api, off=False)
        api.put(f"{PODS}/db-1", a_pod("db-1", "n1", owner="db", ready=False))
        api.on_evict = refusing("DisruptionBudget", only="db-1")
        answer = drain(act)
        assert api.evicted == ["web-1"]
        assert [each["decision"] for each in answer["placements"] if each["pod"] == "db-1"] == ["skip"]

    def test_a_throttling_server_is_no_budget(self, api: FakeApi, act: Act) -> None:
        alive(api)
        asked: list[bool] = []

        def throttle(pod: str, dry_run: bool) -> None:
            asked.append(dry_run)
            if len(asked) in (1, 3):
                raise ClusterRefusedError("POST", 429, "TooManyRequests", "slow down", retry_after=0.1)
            if not dry_run:
                api.objects[f"{PODS}/{pod}"]["spec"]["nodeName"] = "n9"

        api.on_evict = throttle
        answer = drain(act, deadline_seconds=5)
        assert (answer["moved"], asked) == (1, [True, True, False, False])

    def test_a_workload_loses_its_next_pod_only_when_the_last_one_is_replaced(self, api: FakeApi, act: Act) -> None:
        alive(api, pods=3)
        lets_go(api)
        answer = drain(act)
        assert len(api.evicted) == 1
        assert not answer["feasible"]
        assert answer["ended"] == "its time was over"
        assert sum("not Ready yet" in each for each in answer["left"]) == 2

    def test_and_then_the_others_follow(self, api: FakeApi, act: Act) -> None:
        alive(api, pods=3)

        def replaced(pod: str, dry_run: bool) -> None:
            if not dry_run:
                api.objects[f"{PODS}/{pod}"]["spec"]["nodeName"] = "n9"
                api.put(f"{PODS}/{pod}-new", a_pod(f"{pod}-new", "n2"))

        api.on_evict = replaced
        answer = drain(act, deadline_seconds=8)
        assert (answer["moved"], answer["left"], answer["feasible"]) == (3, [], True)

    def test_a_cancelled_drain_ends_soon_and_tells_the_truth(self, api: FakeApi, act: Act) -> None:
        alive(api, pods=3)
        lets_go(api)
        watch = Stopwatch(60)
        threading.Timer(0.8, watch.cancel).start()
        started = time.monotonic()
        answer = drain(act, watch=watch, deadline_seconds=60)
        assert time.monotonic() - started < 5
        assert (answer["ended"], answer["moved"], len(answer["left"])) == ("it was cancelled", 1, 2)
        assert answer["cordoned"]
        assert not answer["feasible"]

    def test_a_repeat_goes_on_where_it_was(self, api: FakeApi, act: Act) -> None:
        lost(api)
        drain(act)
        writes = len(api.writes)
        assert drain(act)["tainted"]
        assert len(api.writes) == writes


def refusing(cause: str, only: str = "") -> Callable[[str, bool], None]:
    def refuse(pod: str, dry_run: bool) -> None:
        if not only or pod == only:
            raise ClusterRefusedError("POST", 429, "TooManyRequests", "would violate the budget", (cause,))

    return refuse
