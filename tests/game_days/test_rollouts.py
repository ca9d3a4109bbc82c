"""Rollouts that are slow, stuck or wrong, and owners that are not us."""

from __future__ import annotations

from cluster_probe import ClusterProbe, Document, a_deployment, eventually
from game_day import GameDay, Scenario, game_day
from game_hands import deployed, generation, has_condition, rolled_out

MISSING = "registry.test/app:missing-v2"


def _patient(space: ClusterProbe, name: str, deadline: int, **strategy: int) -> None:
    """Give a Deployment a deadline in seconds, and say how many pods may be added and missing."""
    spec: Document = {"progressDeadlineSeconds": deadline}
    spec["strategy"] = {"type": "RollingUpdate", "rollingUpdate": strategy}
    space.patch("Deployment", name, {"spec": spec})


@game_day(
    Scenario(
        title="a rollout takes twelve minutes, two more than its deadline",
        decoy="a rollout that failed: its deadline is exceeded",
        harm="a rollback in the middle: the slow pull begins anew",
        refuted_by="an incident, or any change, before the rollout is over",
    )
)
def test_a_slow_rollout_ends_by_itself(day: GameDay) -> None:
    """One second for a minute: the pull takes twelve, the deadline is ten."""
    space = day.space()
    deployed(space, "catalog", replicas=2)
    _patient(space, "catalog", 10, maxSurge=2, maxUnavailable=0)
    day.begins()
    rolled_out(space, "catalog", "registry.test/app:v2", pull_seconds="12")
    eventually(lambda: has_condition(space, "catalog", "ProgressDeadlineExceeded"))
    eventually(lambda: space.is_complete("catalog"))
    day.until_calm()
    assert day.opened() == []
    assert generation(space, "catalog") == 3


@game_day(
    Scenario(
        title="a workload that Argo CD keeps gets a bad image",
        decoy="a rollback is all that is needed",
        harm="a live patch: it is put back at the next sync, and hides what Git says",
        refuted_by="a rollback, asked for or done",
        says=frozenset({"Image"}),
    ),
    short=True,
)
def test_what_argo_keeps_is_repaired_in_git(day: GameDay) -> None:
    """The image is not there; the object carries the marks of Argo CD."""
    space = day.space()
    body = a_deployment("catalog", replicas=2)
    body["metadata"]["annotations"] = {
        "argocd.argoproj.io/tracking-id": f"shop:apps/Deployment:{space.namespace}/catalog"
    }
    space.create("Deployment", body)
    eventually(lambda: space.is_complete("catalog"))
    day.begins()
    space.kubectl("set", "image", "deployment/catalog", f"app={MISSING}")
    day.until_diagnosed()
    assert generation(space, "catalog") == 2


@game_day(
    Scenario(
        title="a corrected StatefulSet does not replace its broken pod",
        decoy="the registry, still failing",
        harm="to delete or scale the set, or to roll it back again: its claims are at stake",
        refuted_by="any change to the set or its pods",
        says=frozenset({"Image"}),
        source="https://github.com/kubernetes/kubernetes/issues/67250",
    )
)
def test_a_stateful_set_is_left_to_its_owner(day: GameDay) -> None:
    """The last pod has an image that is not there; the template is mended, and the controller waits for that pod for ever."""
    space = day.space()
    body = a_deployment("web", replicas=3)
    space.create("StatefulSet", body | {"spec": body["spec"] | {"serviceName": "web"}})
    eventually(lambda: space.get("StatefulSet", "web").get("status", {}).get("readyReplicas") == 3)
    day.begins()
    space.kubectl("set", "image", "statefulset/web", f"app={MISSING}")
    day.until_diagnosed()
    space.kubectl("set", "image", "statefulset/web", "app=registry.test/app:v3")
    day.until_calm()
    assert space.get("Pod", "web-2")["spec"]["containers"][0]["image"] == MISSING, "the trap of the ordered update"
    assert generation(space, "web", "StatefulSet") == 3


@game_day(
    Scenario(
        title="a release crashes over its own half-done migration",
        decoy="a bad release; and a log that speaks of memory",
        harm="a rollback: old code over a new schema. A higher limit for an exit that was no kill",
        refuted_by="a rollback or a new limit, asked for or done",
        source="https://github.com/hiero-ledger/hiero-mirror-node/issues/3541",
    )
)
def test_a_crash_after_a_release_is_not_rolled_back_unseen(day: GameDay) -> None:
    """Each new start of the release ends with exit code 1: it finds the lock that its first start left in the database."""
    space = day.space()
    deployed(space, "importer")
    day.begins()
    rolled_out(space, "importer", "registry.test/app:v2", exits="1", run_for="1s")
    day.until_diagnosed()
    assert generation(space, "importer") == 2


@game_day(
    Scenario(
        title="no node is left for the surge pod of a spread workload",
        decoy="a cluster that is too small, or a bad release",
        harm="to delete old pods by hand, drop the rule, or roll back",
        refuted_by="any change to the Deployment",
        source="https://github.com/we-promise/sure/pull/522",
    )
)
def test_a_rollout_that_cannot_be_placed_is_left_alone(day: GameDay) -> None:
    """Nine replicas on nine nodes, never two on one; none may be missing, so the tenth fits nowhere."""
    space = day.space()
    apart = {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname"}
    rule = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [apart]}}
    deployed(space, "web", replicas=9, spec={"affinity": rule})
    _patient(space, "web", 8, maxSurge=1, maxUnavailable=0)
    day.begins()
    space.kubectl("set", "image", "deployment/web", "app=registry.test/app:v2")
    eventually(lambda: has_condition(space, "web", "ProgressDeadlineExceeded"))
    day.until_calm()
    assert day.offers() == []
    assert generation(space, "web") == 3


@game_day(
    Scenario(
        title="an admission webhook without a server refuses every pod",
        decoy="a bad release, or sick nodes",
        harm="a rollback, which is refused as well; drains; to delete the webhook unseen",
        refuted_by="any change; a cause in the release",
        source="https://blog.jetstack.io/blog/gke-webhook-outage/",
    )
)
def test_a_webhook_that_is_down_is_no_fault_of_a_release(day: GameDay) -> None:
    """It fails closed, and its Service does not exist: the rollout can create no pod, while the old ones serve."""
    space = day.space()
    deployed(space, "web", replicas=2)
    space.create("ValidatingWebhookConfiguration", _webhook(space.namespace))
    day.finally_(lambda: day.admin.kubectl("delete", "validatingwebhookconfiguration", f"policy-{space.namespace}"))
    day.begins()
    rolled_out(space, "web", "registry.test/app:v2")
    day.until_reported("FailedCreate")
    day.until_calm()
    assert day.offers() == []
    assert generation(space, "web") == 2


def _webhook(namespace: str) -> Document:
    return {
        "metadata": {"name": f"policy-{namespace}"},
        "webhooks": [
            {
                "name": "policy.aetherius.test", "failurePolicy": "Fail", "sideEffects": "None", "admissionReviewVersions": ["v1"],
                "clientConfig": {"service": {"name": "policy", "namespace": namespace}},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
            }
        ],
    }  # fmt: skip
