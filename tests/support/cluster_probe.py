"""Looks at a cluster under test and writes to it as Aetherius does: the dynamic client, plain requests, kubectl."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from kubernetes import config, dynamic

T = TypeVar("T")
Document = dict[str, Any]
KUBECTL = Path(sys.executable).parent / "kubectl"
MERGE = "application/merge-patch+json"
_API = {
    "ClusterLogs": "kwok.x-k8s.io/v1alpha1",
    "Deployment": "apps/v1",
    "ReplicaSet": "apps/v1",
    "StatefulSet": "apps/v1",
    "Job": "batch/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "PodDisruptionBudget": "policy/v1",
    "PriorityClass": "scheduling.k8s.io/v1",
    "ValidatingWebhookConfiguration": "admissionregistration.k8s.io/v1",
    "Lease": "coordination.k8s.io/v1",
}


def eventually(probe: Callable[[], T | None], seconds: float = 120.0) -> T:
    """What the probe returns once that is true; fails with the last answer after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        assert time.monotonic() < end, f"not reached within {seconds} s: {found!r}"
        time.sleep(0.1)


class ClusterProbe:
    """One client of one cluster; `namespace` is where it works unless told otherwise."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.kubeconfig = kubeconfig
        self.namespace = namespace
        self.api = config.new_client_from_config(str(kubeconfig))  # type: ignore[no-untyped-call]
        self.dynamic: Any = dynamic.DynamicClient(self.api)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Close its connections."""
        self.api.close()
        self.api.rest_client.pool_manager.clear()

    def within(self, namespace: str) -> ClusterProbe:
        """The same client for another namespace."""
        other = object.__new__(ClusterProbe)
        other.__dict__ |= self.__dict__ | {"namespace": namespace}
        return other

    def kind(self, name: str) -> Any:
        """The dynamic client's resource of a kind."""
        return self.dynamic.resources.get(api_version=_API.get(name, "v1"), kind=name)

    def request(
        self,
        method: str,
        path: str,
        body: Document | None = None,
        content_type: str = "application/json",
        **headers: str,
    ) -> tuple[int, Any]:
        """A plain request: status and decoded body."""
        answer = self._send(method, path, body, {"Content-Type": content_type} | headers)
        try:
            text = answer.read().decode()
            return answer.status, json.loads(text) if text.startswith("{") else text
        finally:
            answer.release_conn()

    def watch(self, path: str, timeout: float = 20.0) -> Iterator[Document]:
        """The events of a watch, until the server ends it or nothing comes for `timeout` seconds."""
        answer = self._send("GET", path, None, {}, timeout)
        try:
            rest = b""
            for part in answer.stream(65536):
                *lines, rest = (rest + part).split(b"\n")
                yield from (json.loads(line) for line in lines)
        finally:
            answer.close()

    def credentials(self) -> dict[str, str]:
        """The header of the client's token; none where it has a certificate instead."""
        token = next(iter(self.api.configuration.api_key.values()), None)
        return {"Authorization": token} if token else {}

    def _send(
        self, method: str, path: str, body: Document | None, headers: dict[str, str], timeout: float = 30.0
    ) -> Any:
        all_headers = {"Accept": "application/json"} | self.credentials() | headers
        return self.api.rest_client.pool_manager.request(
            method, self.api.configuration.host + path, body=None if body is None else json.dumps(body),
            headers=all_headers, preload_content=False, timeout=timeout,
        )  # fmt: skip

    def kubectl(self, *arguments: str) -> str:
        """What the real kubectl prints; fails when it does."""
        done = self.try_kubectl(*arguments)
        assert done.returncode == 0, f"kubectl {arguments}: {done.stderr}"
        return done.stdout

    def try_kubectl(self, *arguments: str, given: Document | None = None) -> subprocess.CompletedProcess[str]:
        """How the real kubectl ends, with a document on its standard input if one is given."""
        command = [str(KUBECTL), "--kubeconfig", str(self.kubeconfig), "--namespace", self.namespace, *arguments]
        text = None if given is None else json.dumps(given)
        return subprocess.run(command, capture_output=True, text=True, input=text, timeout=60, check=False)

    def get(self, kind: str, name: str) -> Document:
        """An object as a plain document."""
        found: Document = self.kind(kind).get(name=name, namespace=self.namespace).to_dict()
        return found

    def listed(self, kind: str, **selectors: str) -> list[Document]:
        """The objects of a kind in the namespace."""
        found: list[Document] = self.kind(kind).get(namespace=self.namespace, **selectors).to_dict()["items"]
        return found

    def pods(self, app: str) -> list[Document]:
        """The pods of an app that are not going."""
        return [
            pod for pod in self.listed("Pod", label_selector=f"app={app}") if "deletionTimestamp" not in pod["metadata"]
        ]

    def containers(self, app: str) -> list[Document]:
        """The container statuses of an app's pods."""
        return [status for pod in self.pods(app) for status in pod["status"].get("containerStatuses") or []]

    def waiting(self, app: str, reason: str) -> Document | None:
        """The state `waiting` of a container of the app, if one waits for that reason."""
        states = (status["state"].get("waiting") or {} for status in self.containers(app))
        return next((state for state in states if state.get("reason") == reason), None)

    def events(self, app: str, **fields: str) -> list[Document]:
        """The events about an app's pods."""
        selector = ",".join(f"{key}={value}" for key, value in {"involvedObject.kind": "Pod", **fields}.items())
        found = self.listed("Event", field_selector=selector)
        return [event for event in found if event["involvedObject"]["name"].startswith(f"{app}-")]

    def reasons(self, app: str) -> set[tuple[str, str]]:
        """Type and reason of the events about an app's pods."""
        return {(event["type"], event["reason"]) for event in self.events(app)}

    def is_complete(self, app: str) -> bool:
        """Whether the Deployment's rollout is over and all replicas are available."""
        deployment = self.get("Deployment", app)
        status, replicas = deployment.get("status") or {}, deployment["spec"]["replicas"]
        counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
        return status.get("observedGeneration") == deployment["metadata"]["generation"] and counts == [replicas] * 3

    def create(self, kind: str, body: Document) -> Document:
        """Create an object in the namespace, or beside all of them."""
        resource = self.kind(kind)
        place = {"namespace": self.namespace} if resource.namespaced else {}
        made: Document = resource.create(body=body, **place).to_dict()
        return made

    def deploy(self, name: str, **template: Any) -> None:
        """Create a Deployment (see `a_deployment`)."""
        self.create("Deployment", a_deployment(name, **template))

    def patch(self, kind: str, name: str, body: Document, **options: Any) -> Document:
        """Apply a merge patch."""
        resource = self.kind(kind)
        place = {"namespace": self.namespace} if resource.namespaced else {}
        done: Document = resource.patch(name=name, body=body, content_type=MERGE, **place, **options).to_dict()
        return done


def a_deployment(
    name: str, *, image: str = "registry.test/app:v1", replicas: int = 1, memory: str = "128Mi",
    labels: dict[str, str] | None = None, annotations: dict[str, str] | None = None,
    container: Document | None = None, spec: Document | None = None,
) -> Document:  # fmt: skip
    """A valid Deployment; the options set what a test is about in its pod template."""
    limits = {"resources": {"limits": {"memory": memory}}}
    template = {
        "metadata": {"labels": {"app": name} | (labels or {}), "annotations": annotations or {}},
        "spec": {"containers": [{"name": "app", "image": image} | limits | (container or {})]} | (spec or {}),
    }
    selector = {"matchLabels": {"app": name}}
    return {"metadata": {"name": name}, "spec": {"replicas": replicas, "selector": selector, "template": template}}
