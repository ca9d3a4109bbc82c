"""The kubelets of all nodes: signs of life, the pods bound to them, and their logs. A lost node's stands still."""

from __future__ import annotations

from datetime import datetime

from aetherius.simulator.cluster import Cluster, is_lost, ready_conditions
from aetherius.simulator.documents import Document, is_condition, name_of, seconds, uid_of
from aetherius.simulator.errors import ApiError, bad_request
from aetherius.simulator.kinds import NODE, POD
from aetherius.simulator.kubelet.container_run import ContainerRun
from aetherius.simulator.kubelet.log_options import LogOptions
from aetherius.simulator.kubelet.logs import log_text
from aetherius.simulator.kubelet.pod_run import PodRun


class Kubelet:
    """The node agents of one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._pods: dict[str, PodRun] = {}
        self._images: dict[str, set[str]] = {}
        self._alive_due: dict[str, datetime] = {}
        self._addresses = 0

    def step(self, now: datetime) -> None:
        """One round over all nodes and pods."""
        alive = {name_of(node) for node in self._cluster.store.all(NODE) if not is_lost(node)}
        for node in self._cluster.store.all(NODE):
            if name_of(node) in alive:
                self._live(node, now)
        pods = self._cluster.store.all(POD)
        for pod in pods:
            if pod["spec"].get("nodeName") in alive:
                self._run_of(pod, now).advance(pod, now)
        known = {uid_of(pod) for pod in pods}
        self._pods = {uid: run for uid, run in self._pods.items() if uid in known}

    def log(self, namespace: str, name: str, options: LogOptions) -> str:
        """A container's log; raises `ApiError` 400 (no such container or run), 404, 500 (the node is lost)."""
        pod = self._cluster.store.get(POD, namespace, name)
        node = self._cluster.store.find(NODE, "", pod["spec"].get("nodeName", ""))
        if node is not None and is_lost(node):
            address = node["status"]["addresses"][0]["address"]
            raise ApiError(
                500,
                "InternalError",
                f'Get "https://{address}:10250/containerLogs/{namespace}/{name}": dial tcp {address}:10250: i/o timeout',
            )
        container = self._container(pod, options)
        run = container.previous if options.previous else container.run
        if container.run is not None and "waiting" in container.state and not options.previous:
            run = container.previous or container.run
        if run is None and options.previous:
            raise bad_request(f'previous terminated container "{container.name}" in pod "{name}" not found')
        if run is None:
            reason = container.state.get("waiting", {}).get("reason", "ContainerCreating")
            raise bad_request(f'container "{container.name}" in pod "{name}" is waiting to start: {reason}')
        return log_text(run, options, self._cluster.clock())

    def _container(self, pod: Document, options: LogOptions) -> ContainerRun:
        names = [container["name"] for container in pod["spec"]["containers"]]
        wanted = options.container or (names[0] if len(names) == 1 else "")
        if not wanted:
            raise bad_request(f"a container name must be specified for pod {name_of(pod)}, choose one of: {names}")
        if wanted not in names:
            raise bad_request(f"container {wanted} is not valid for pod {name_of(pod)}")
        run = self._pods.get(uid_of(pod))
        if run is None:
            raise bad_request(f'container "{wanted}" in pod "{name_of(pod)}" is waiting to start: no host assigned')
        return next(container for container in run.containers if container.name == wanted)

    def _live(self, node: Document, now: datetime) -> None:
        name = name_of(node)
        if now < self._alive_due.get(name, now):
            return
        self._alive_due[name] = now + seconds(self._cluster.settings.node_lease_seconds)
        self._cluster.renew_lease(node)
        if not is_condition(node, "Ready"):
            with self._cluster.store.modify(NODE, node) as draft:
                draft.setdefault("status", {})["conditions"] = ready_conditions(now)
            self._cluster.events.record(
                NODE, node, "Normal", "NodeReady", f"Node {name} status is now: NodeReady", "kubelet", host=name
            )

    def _run_of(self, pod: Document, now: datetime) -> PodRun:
        run = self._pods.get(uid_of(pod))
        if run is None:
            node = pod["spec"]["nodeName"]
            run = PodRun(self._cluster, pod, self._images.setdefault(node, set()), self._address(node), now)
            self._pods[uid_of(pod)] = run
        return run

    def _address(self, node: str) -> str:
        self._addresses += 1
        order = [name_of(document) for document in self._cluster.store.all(NODE)].index(node) + 1
        return f"10.244.{order}.{self._addresses % 250 + 2}"
