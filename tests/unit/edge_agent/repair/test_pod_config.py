"""The look at a pod's configuration: what it needs, what is there, what cannot be seen, and who should make it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aetherius.domain.repair.pod_config import ConfigReference, PodConfig, PodConfigAnswer
from aetherius.edge_agent.errors import RepairRefusedError
from aetherius.edge_agent.repair.cluster import Stopwatch
from aetherius.edge_agent.repair.performer import Job
from aetherius.edge_agent.repair.pod_config import ENTRY
from fake_cluster import FakeApi, a_pod, cluster_of, stamp

SHOP = "/api/v1/namespaces/shop"
EXTERNAL = "/apis/external-secrets.io/v1/namespaces/shop/externalsecrets"


def a_waiting_pod(message: str, **spec: Any) -> dict[str, Any]:
    pod = a_pod("web-1", "n1", ready=False)
    pod["metadata"]["creationTimestamp"] = stamp(30)
    pod["spec"]["containers"][0] |= spec.pop("container", {})
    pod["spec"] |= spec
    waits = {"waiting": {"reason": "CreateContainerConfigError", "message": message}}
    pod["status"]["containerStatuses"] = [{"name": "app", "state": waits}]
    return pod


def look(api: FakeApi, folder: Path) -> PodConfigAnswer:
    job = Job(PodConfig(pod="web-1"), "shop", cluster_of(api, folder), Stopwatch(10))
    return ENTRY.read(job)


def of(answer: PodConfigAnswer, name: str) -> ConfigReference:
    return next(each for each in answer.references if each.name == name)


@pytest.fixture
def api() -> FakeApi:
    api = FakeApi()
    needs = [{"configMapRef": {"name": "settings"}}, {"configMapRef": {"name": "maybe", "optional": True}}]
    env = [{"name": "PW", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]
    api.put(f"{SHOP}/pods/web-1", a_waiting_pod('secret "db" not found', container={"envFrom": needs, "env": env}))
    api.forbidden.add(f"{SHOP}/secrets/db")
    return api


def test_what_it_needs_and_what_of_it_is_there(api: FakeApi, tmp_path: Path) -> None:
    written = {
        "manager": "kubectl-edit",
        "time": stamp(60),
        "fieldsV1": {"f:data": {".": {}, "f:url": {}}, "f:immutable": {}},
    }
    api.put(f"{SHOP}/configmaps/settings", {"metadata": {"managedFields": [written]}, "data": {"url": "x"}})
    answer = look(api, tmp_path)
    assert [(each.name, each.state) for each in answer.references] == [("settings", "exists"), ("db", "unseen")]
    there = of(answer, "settings")
    assert (there.known_keys, there.immutable, there.changed_by) == (["url"], True, "kubectl-edit")
    assert (of(answer, "db").where, of(answer, "db").keys) == (["env PW of app"], ["password"])
    assert answer.waiting == ['secret "db" not found']
    assert answer.settling == ""


def test_a_map_that_is_missing_is_looked_for_in_other_namespaces(api: FakeApi, tmp_path: Path) -> None:
    for name in ("shop", "staging", "empty"):
        api.put(f"/api/v1/namespaces/{name}", {"metadata": {}})
    api.put("/api/v1/namespaces/staging/configmaps/settings", {"metadata": {}})
    missing = of(look(api, tmp_path), "settings")
    assert (missing.state, missing.elsewhere) == ("missing", ["staging"])


def test_what_should_make_a_secret_is_named_with_its_own_word(api: FakeApi, tmp_path: Path) -> None:
    said = {"type": "Ready", "status": "False", "reason": "SecretSyncedError", "message": "denied"}
    spec, about = {"target": {"name": "db"}}, {"creationTimestamp": stamp(3000)}
    api.put(f"{EXTERNAL}/vault-db", {"metadata": about, "spec": spec, "status": {"conditions": [said]}})
    answer = look(api, tmp_path)
    source = of(answer, "db").source
    assert source is not None
    assert (source.kind, source.name, source.said, source.ready) == (
        "ExternalSecret",
        "vault-db",
        "SecretSyncedError: denied",
        False,
    )
    assert 29 <= source.awaited_for(answer.looked_at).total_seconds() < 60, "since the pod, which is the later one"
    assert answer.settling == "short"


@pytest.mark.parametrize(
    ("path", "spec", "secret", "settling"),
    [
        ("/apis/bitnami.com/v1alpha1/namespaces/shop/sealedsecrets/db", {}, "db", "short"),
        ("/apis/cert-manager.io/v1/namespaces/shop/certificates/web", {"secretName": "tls"}, "tls", "long"),
        ("/apis/postgresql.cnpg.io/v1/namespaces/shop/clusters/orders", {}, "orders-app", "middle"),
        (
            "/apis/secrets.hashicorp.com/v1beta1/namespaces/shop/vaultstaticsecrets/v",
            {"destination": {"name": "db"}},
            "db",
            "short",
        ),
        (
            "/apis/external-secrets.io/v1beta1/namespaces/shop/externalsecrets/db",
            {},
            "db",
            "short",
        ),
    ],
)
def test_each_kind_of_source_is_given_its_time(
    tmp_path: Path, path: str, spec: dict[str, Any], secret: str, settling: str
) -> None:
    api = FakeApi()
    api.put(f"{SHOP}/pods/web-1", a_waiting_pod(f'secret "{secret}" not found'))
    api.forbidden.add(f"{SHOP}/secrets/{secret}")
    if "/v1beta1/namespaces/shop/externalsecrets" in path:
        api.forbidden.add(EXTERNAL)
    api.put(path, {"metadata": {}, "spec": spec})
    assert look(api, tmp_path).settling == settling


def test_a_class_that_this_pod_does_not_mount_delivers_nothing_to_it(api: FakeApi, tmp_path: Path) -> None:
    path = "/apis/secrets-store.csi.x-k8s.io/v1/namespaces/shop/secretproviderclasses/vault"
    api.put(path, {"metadata": {}, "spec": {"secretObjects": [{"secretName": "db"}]}})
    source = of(look(api, tmp_path), "db").source
    assert source is not None
    assert not source.mounted
    csi = {"driver": "secrets-store.csi.k8s.io", "volumeAttributes": {"secretProviderClass": "vault"}}
    api.objects[f"{SHOP}/pods/web-1"]["spec"]["volumes"] = [{"name": "v", "csi": csi}]
    source = of(look(api, tmp_path / "again"), "db").source
    assert source is not None
    assert source.mounted


def test_a_sibling_that_runs_shows_that_it_was_there(api: FakeApi, tmp_path: Path) -> None:
    other = api.put(f"{SHOP}/pods/web-0", a_pod("web-0", "n1"))
    other["status"]["containerStatuses"] = [{"name": "app", "state": {"running": {"startedAt": stamp(600)}}}]
    answer = look(api, tmp_path)
    assert answer.sibling == "web-0"
    assert answer.sibling_started is not None


def test_a_pod_that_is_gone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RepairRefusedError, match="there is no pod"):
        look(FakeApi(), tmp_path)
