"""A pod on its node: mounts, then containers, then the end; and the status that follows from them."""

from __future__ import annotations

from datetime import datetime

from aetherius.simulator.cluster import Cluster
from aetherius.simulator.documents import Document, is_going, name_of, namespace_of, seconds, set_condition, stamp
from aetherius.simulator.kinds import POD
from aetherius.simulator.kubelet.configuration import missing_volume
from aetherius.simulator.kubelet.container_run import ContainerRun


class PodRun:
    """One pod, from its binding until it is gone."""

    def __init__(self, cluster: Cluster, pod: Document, images: set[str], address: str, now: datetime) -> None:
        self._cluster = cluster
        self._address = address
        self._images = images
        self._start = now
        self._mounted = False
        self._mount_due = now
        self._gone_at: datetime | None = None
        self.containers = [
            ContainerRun(cluster, pod, container, images, now) for container in pod["spec"]["containers"]
        ]

    def advance(self, pod: Document, now: datetime) -> None:
        """Do what is due and write the pod's status; a stopped pod is removed."""
        if is_going(pod):
            self._end(pod, now)
            return
        if pod["status"].get("phase") in ("Succeeded", "Failed"):
            return
        if not self._mounted and now >= self._mount_due:
            self._mount(pod, now)
        if self._mounted:
            for run in self.containers:
                run.advance(pod, now)
        with self._cluster.store.modify(POD, pod) as draft:
            self._write(draft, now)

    def _mount(self, pod: Document, now: datetime) -> None:
        missing = missing_volume(self._cluster.store, pod)
        if not missing:
            self._mounted = True
            return
        self._cluster.events.kubelet(pod, "Warning", "FailedMount", missing)
        self._mount_due = now + seconds(self._cluster.settings.retry_seconds)

    def _end(self, pod: Document, now: datetime) -> None:
        if self._gone_at is None:
            for run in self.containers:
                run.stop(now)
            grace = pod["metadata"].get("deletionGracePeriodSeconds", 30)
            self._gone_at = now + seconds(min(grace, self._cluster.settings.stop_seconds))
        if now >= self._gone_at and not pod["metadata"].get("finalizers"):
            self._cluster.store.remove(POD, namespace_of(pod), name_of(pod))

    def _write(self, draft: Document, now: datetime) -> None:
        status = draft["status"]
        statuses = [run.status() for run in self.containers]
        ready = all(s["ready"] for s in statuses)
        status["containerStatuses"] = statuses
        status["phase"] = _phase(statuses, draft["spec"]["restartPolicy"])
        status.setdefault("startTime", stamp(self._start))
        node_address = self._address.rsplit(".", 2)[1]
        status |= {"hostIP": f"10.0.0.{node_address}", "hostIPs": [{"ip": f"10.0.0.{node_address}"}]}
        if self._mounted:
            status |= {"podIP": self._address, "podIPs": [{"ip": self._address}]}
        if draft["spec"].get("initContainers"):
            status["initContainerStatuses"] = [_initialised(c, self._start) for c in draft["spec"]["initContainers"]]
        set_condition(draft, "PodReadyToStartContainers", "True" if self._mounted else "False", now)
        set_condition(draft, "Initialized", "True", now)
        unready = [s["name"] for s in statuses if not s["ready"]]
        why = (
            {}
            if ready
            else {"reason": "ContainersNotReady", "message": f"containers with unready status: [{' '.join(unready)}]"}
        )
        for kind in ("ContainersReady", "Ready"):
            set_condition(draft, kind, "True" if ready else "False", now, **why)


def _phase(statuses: list[Document], policy: str) -> str:
    """Pending until the first container has run; Failed when all have ended and none is started again."""
    if all("containerID" not in s for s in statuses):
        return "Pending"
    ended = all("terminated" in s["state"] for s in statuses)
    return "Failed" if ended and policy == "Never" else "Running"


def _initialised(container: Document, start: datetime) -> Document:
    ended = {"exitCode": 0, "reason": "Completed", "startedAt": stamp(start), "finishedAt": stamp(start)}
    status = {"name": container["name"], "image": container["image"], "imageID": "", "ready": True, "started": False}
    return status | {"restartCount": 0, "state": {"terminated": ended}, "lastState": {}}
