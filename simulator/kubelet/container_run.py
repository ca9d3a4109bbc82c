"""The life of one container: pull, create, run, die, wait, start again.

Each stage is a method that runs when `due` has come, and sets the next; the pod asks for the status after each.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from aetherius.simulator.cluster import Cluster, fault
from aetherius.simulator.documents import (
    Document,
    annotations_of,
    digest,
    name_of,
    namespace_of,
    seconds,
    stamp,
    uid_of,
)
from aetherius.simulator.kubelet.configuration import missing_configuration
from aetherius.simulator.kubelet.logs import Run
from aetherius.simulator.quantities import quantity

_KILLED = 137  # 128 + SIGKILL
_STABLE = timedelta(minutes=10)  # a run of this length ends a crash loop's back-off, as in the kubelet
_Stage = Callable[[datetime], None]


class ContainerRun:
    """One container of one pod on its node; `images` are those the node holds."""

    def __init__(self, cluster: Cluster, pod: Document, container: Document, images: set[str], now: datetime) -> None:
        self._cluster = cluster
        self._settings = cluster.settings
        self._pod = pod
        self._images = images
        self._backoff = self._settings.backoff_seconds
        self._crashes = 0
        self._stage: _Stage | None = self._pull
        self._due = now
        self.container = container
        self.state: Document = {"waiting": {"reason": "ContainerCreating"}}
        self.last_state: Document = {}
        self.ready = False
        self.restarts = 0
        self.run: Run | None = None
        self.previous: Run | None = None

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.container["name"])

    def advance(self, pod: Document, now: datetime) -> None:
        """Do every stage that is due; `pod` is its present state."""
        self._pod = pod
        self.container = next(c for c in pod["spec"]["containers"] if c["name"] == self.name)
        while self._stage is not None and now >= self._due:
            self._stage(now)

    def status(self) -> Document:
        """Its entry in containerStatuses."""
        running = "running" in self.state
        identity = f"simulated://{digest([uid_of(self._pod), self.name, self.restarts], 20)}"
        status = {"name": self.name, "image": self.container["image"], "imageID": "", "ready": self.ready}
        status |= {"started": running, "restartCount": self.restarts, "state": self.state, "lastState": self.last_state}
        return status | (
            {"containerID": identity, "imageID": f"simulated://{digest(status['image'], 20)}"} if self.run else {}
        )

    def stop(self, now: datetime) -> None:
        """It is told to stop with its pod."""
        self._stage = None
        if "running" in self.state:
            self._event("Normal", "Killing", f"Stopping container {self.name}")

    def _then(self, stage: _Stage | None, now: datetime, delay: float = 0.0) -> None:
        self._stage, self._due = stage, now + seconds(delay)

    def _event(self, severity: str, reason: str, message: str) -> None:
        self._cluster.events.kubelet(self._pod, severity, reason, message, self.name)

    def _wait(self, reason: str, message: str = "") -> None:
        self.ready = False
        self.state = {"waiting": {"reason": reason} | ({"message": message} if message else {})}

    def _grown_backoff(self) -> float:
        delay, self._backoff = self._backoff, min(self._backoff * 2, self._settings.backoff_limit)
        return delay

    def _pull(self, now: datetime) -> None:
        image = self.container["image"]
        slow = fault(self._pod, "pull-seconds") is not None and self.run is None
        if image in self._images and self.container.get("imagePullPolicy") != "Always" and not slow:
            self._event("Normal", "Pulled", f'Container image "{image}" already present on machine')
            self._then(self._create, now)
            return
        self._event("Normal", "Pulling", f'Pulling image "{image}"')
        self._then(self._pulled, now, float(fault(self._pod, "pull-seconds") or self._settings.pull_seconds))

    def _pulled(self, now: datetime) -> None:
        image = str(self.container["image"])
        if image.rsplit("/", 1)[-1].partition(":")[2].startswith("missing"):
            why = (
                f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": {image}: not found'
            )
            self._event("Warning", "Failed", f'Failed to pull image "{image}": {why}')
            self._event("Warning", "Failed", "Error: ErrImagePull")
            self._wait("ErrImagePull", why)
            self._then(self._pull_again, now, self._settings.pull_error_seconds)
            return
        took = f"{float(fault(self._pod, 'pull-seconds') or self._settings.pull_seconds):g}s"
        size = "Image size: 31457280 bytes."
        self._event(
            "Normal", "Pulled", f'Successfully pulled image "{image}" in {took} ({took} including waiting). {size}'
        )
        self._images.add(image)
        self._backoff = self._settings.backoff_seconds
        self._then(self._create, now)

    def _pull_again(self, now: datetime) -> None:
        image = self.container["image"]
        self._event("Normal", "BackOff", f'Back-off pulling image "{image}"')
        self._event("Warning", "Failed", "Error: ImagePullBackOff")
        self._wait("ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: not found')
        self._then(self._pull, now, self._grown_backoff())

    def _create(self, now: datetime) -> None:
        missing = missing_configuration(self._cluster.store, namespace_of(self._pod), self.container)
        if missing:
            self._event("Warning", "Failed", f"Error: {missing}")
            self._wait("CreateContainerConfigError", missing)
            self._then(self._create, now, self._settings.retry_seconds)
            return
        self._event("Normal", "Created", "Container created")
        self._event("Normal", "Started", "Container started")
        self.state = {"running": {"startedAt": stamp(now)}}
        limit, need = self._memory()
        self.run = Run(now, None, self.container["image"], self._fault(), limit, need)
        self._then(self._become_ready, now, self._settings.start_seconds)

    def _become_ready(self, now: datetime) -> None:
        self.ready = True
        ends = {"oom": (self._run_out_of_memory, self._settings.oom_seconds)}
        ends["liveness"] = (self._fail_liveness, self._settings.liveness_seconds)
        stage, delay = ends.get(self._fault(), (None, 0.0))
        self._then(stage, now, max(0.0, delay - self._settings.start_seconds))

    def _memory(self) -> tuple[str, str]:
        limit = ((self.container.get("resources") or {}).get("limits") or {}).get("memory", "")
        return str(limit), fault(self._pod, "working-set") or ""

    def _fault(self) -> str:
        limit, need = self._memory()
        if limit and need and quantity(limit) < quantity(need):
            return "oom"
        return "liveness" if annotations_of(self._pod).get("aetherius.test/liveness") == "fails" else ""

    def _run_out_of_memory(self, now: datetime) -> None:
        self._die(now, "OOMKilled")

    def _fail_liveness(self, now: datetime) -> None:
        self._event("Warning", "Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500")
        self._event("Normal", "Killing", f"Container {self.name} failed liveness probe, will be restarted")
        self._die(now, "Error")

    def _die(self, now: datetime, reason: str) -> None:
        run = self.run
        if run is None:
            raise RuntimeError(f"container {self.name} dies without having run")
        self.ready = False
        self.previous = Run(run.start, now, run.image, run.fails, run.limit, run.working_set)
        ended: Document = {
            "exitCode": _KILLED,
            "reason": reason,
            "startedAt": stamp(run.start),
            "finishedAt": stamp(now),
        }
        ended["containerID"] = self.status()["containerID"]
        self.state = {"terminated": ended}
        if self._pod["spec"].get("restartPolicy") == "Never":
            self._then(None, now)
            return
        self._crashes = 1 if now - run.start > _STABLE else self._crashes + 1
        if self._crashes == 1:  # the first time at once, without a back-off
            self._backoff = self._settings.backoff_seconds
            self._then(self._restart, now, self._settings.restart_seconds)
            return
        self._back_off(now, ended)

    def _back_off(self, now: datetime, ended: Document) -> None:
        self.last_state = {"terminated": ended}
        delay = self._grown_backoff()
        pod = f"{name_of(self._pod)}_{namespace_of(self._pod)}({uid_of(self._pod)})"
        self._event("Warning", "BackOff", f"Back-off restarting failed container {self.name} in pod {pod}")
        self._wait("CrashLoopBackOff", f"back-off {delay:g}s restarting failed container={self.name} pod={pod}")
        self._then(self._restart, now, delay)

    def _restart(self, now: datetime) -> None:
        if "terminated" in self.state:
            self.last_state = self.state
        self.restarts += 1
        self._wait("ContainerCreating")
        self._then(self._pull, now)
