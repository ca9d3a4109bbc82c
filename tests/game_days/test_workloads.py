"""Pods that end, wait or find no place for reasons that are not theirs."""

from __future__ import annotations

from cluster_probe import ClusterProbe, Document, eventually
from game_day import GameDay, Scenario, game_day
from game_hands import deployed, generation, one_dies, play, set_status, tell

HOOK = 'Exec lifecycle hook ([mount-shares]) for Container "app" failed - error: exited with 137: , message: ""'
BETA = "beta.aetherius.test/os"


@game_day(
    Scenario(
        title="a slow database fails the liveness probes of its clients",
        decoy="a bad release, or memory: the exit code is 137",
        harm="restarts, fewer replicas or new limits under a retry load",
        refuted_by="any change to one of the clients",
        source="https://www.vdnt.click/blog/k8s-liveness-probes",
    )
)
def test_probes_that_fail_together_are_no_reason_to_restart(day: GameDay) -> None:
    """No release, two clients of one database: their pods are killed by their probes within seconds."""
    space = day.space()
    for name, replicas in (("api", 4), ("reports", 2)):
        deployed(space, name, replicas=replicas)
    day.begins()
    for name in ("api", "reports"):
        play(space, name, liveness="fails")
    day.until_diagnosed()
    assert [generation(space, name) for name in ("api", "reports")] == [1, 1]


@game_day(
    Scenario(
        title="a start hook is killed, one start in ten",
        decoy="memory: the hook ended with 137",
        harm="a higher limit because of that number",
        refuted_by="memory as the cause; a new limit",
        says=frozenset({"Hook"}),
        source="https://github.com/kubernetes/kubernetes/issues/115680",
    )
)
def test_a_hook_that_was_killed_is_no_lack_of_memory(day: GameDay) -> None:
    """The hook mounts shares of a file server, and is killed while it waits."""
    space = day.space()
    day.begins()
    marks = {"aetherius.test/waits": "PostStartHookError", "aetherius.test/waits-because": HOOK}
    space.deploy("renderer", annotations=marks)
    pod = eventually(lambda: space.pods("renderer"))[0]
    tell(space, pod | {"kind": "Pod", "apiVersion": "v1"}, "FailedPostStartHook", HOOK)
    day.until_diagnosed()
    assert generation(space, "renderer") == 1


@game_day(
    Scenario(
        title="an app starts before its proxy, and again, and then runs",
        decoy="the service that it cannot reach",
        harm="any repair of what is over by itself",
        refuted_by="any change; an incident that is not over in the end",
        source="https://github.com/istio/istio/issues/11130",
    )
)
def test_two_early_exits_are_over_by_themselves(day: GameDay) -> None:
    """It exits twice in its first seconds, and runs from then on."""
    space = day.space()
    day.begins()
    marks = {"exits": "1", "heals-after": "2", "run-for": "1s"}
    space.deploy("shop", replicas=2, annotations={f"aetherius.test/{key}": value for key, value in marks.items()})
    eventually(lambda: space.is_complete("shop"))
    day.until_calm()
    assert generation(space, "shop") == 1


@game_day(
    Scenario(
        title="a Job's image knows only one kind of processor",
        decoy="a flaky program: elsewhere it works",
        harm="another tag of the same image, or endless retries",
        refuted_by="any change to the Job",
        says=frozenset({"ImageArchitecture"}),
        source="https://github.com/xelalexv/dregsy/issues/115",
    )
)
def test_a_job_that_gave_up_is_its_owners(day: GameDay) -> None:
    """It ends within a second on this node, and its Job gives up."""
    space = day.space()
    day.begins()
    pod_spec: Document = {"restartPolicy": "Never", "containers": [{"name": "app", "image": "registry.test/sync:v1"}]}
    template = {"metadata": {"labels": {"app": "sync"}}, "spec": pod_spec}
    space.create("Job", {"metadata": {"name": "sync"}, "spec": {"backoffLimit": 0, "template": template}})
    pod = eventually(lambda: [pod for pod in space.pods("sync") if pod["status"]["phase"] == "Running"])[0]
    _ends(space, pod, 255)
    day.until_diagnosed()
    assert space.get("Job", "sync")["status"].get("failed") == 1


@game_day(
    Scenario(
        title="a node label that pods select by is gone after an upgrade",
        decoy="nodes that are full",
        harm="smaller requests, or the old label by hand on every node",
        refuted_by="any change to the workload or to a node",
        source="https://github.com/gravitational/monitoring-app/pull/141",
    )
)
def test_a_selector_that_fits_no_node_is_told_and_not_forced(day: GameDay) -> None:
    """All nodes lose the label; the pod that is started again finds no place."""
    space = day.space()
    day.finally_(lambda: day.admin.kubectl("label", "node", "--all", f"{BETA}-"))
    day.admin.kubectl("label", "node", "--all", f"{BETA}=linux")
    deployed(space, "watcher", replicas=2, spec={"nodeSelector": {BETA: "linux"}})
    day.begins()
    day.admin.kubectl("label", "node", "--all", f"{BETA}-")
    one_dies(space, "watcher")
    day.until_reported("FailedScheduling")
    day.until_calm()
    assert day.offers() == []
    assert generation(space, "watcher") == 1


@game_day(
    Scenario(
        title="an automation left eight of nine nodes cordoned",
        decoy="too few processors, or a broken autoscaler",
        harm="to uncordon or drain them, or to lower requests until the pods fit",
        refuted_by="any change to a node or to the workload",
        source="https://github.com/aws/aws-node-termination-handler/issues/321",
    )
)
def test_a_cordon_of_somebody_else_stays(day: GameDay) -> None:
    """Half of the pods find no place, while every node is ready."""
    space = day.space()
    nodes = [each["metadata"]["name"] for each in day.admin.listed("Node")]
    day.finally_(lambda: day.admin.kubectl("uncordon", *nodes))
    day.admin.kubectl("cordon", *nodes[1:])
    day.begins()
    space.deploy("batch", replicas=2, container={"resources": {"requests": {"cpu": "20"}}})
    day.until_reported("FailedScheduling")
    day.until_calm()
    assert day.offers() == []
    cordoned = [each for each in day.admin.listed("Node") if each["spec"].get("unschedulable")]
    assert len(cordoned) == len(nodes) - 1


def _ends(space: ClusterProbe, pod: Document, code: int) -> None:
    """Have a pod that is not started again end."""
    container = pod["status"]["containerStatuses"][0]
    started = container["state"]["running"]["startedAt"]
    ended = {"exitCode": code, "reason": "Error", "message": "exec /app: exec format error", "startedAt": started}
    state = {"ready": False, "started": False, "state": {"terminated": ended | {"finishedAt": started}}}
    set_status(space, pod["metadata"]["name"], {"phase": "Failed", "containerStatuses": [container | state]})
