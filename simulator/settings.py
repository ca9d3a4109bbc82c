"""Settings of one simulated cluster: where it listens and how fast its controllers and kubelets are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SimulatorSettings:
    """What one simulated cluster is told at its start; all durations are seconds."""

    cluster: str = "simulated"
    """Name of the cluster: in its kubeconfig and in its nodes' names (`{cluster}-node-1`)."""
    host: str = "127.0.0.1"
    """Address to listen on: the loopback, as this is for demos and tests."""
    port: int = 0
    """Port to listen on; 0 takes a free one, so that several clusters run side by side."""
    kubeconfig_path: Path | None = None
    """File that receives the kubeconfig with the random token (mode 600); None writes none."""
    token: str | None = None
    """Bearer token that requests must carry; None makes a random one (it is only ever in the kubeconfig)."""
    nodes: int = 3
    """Nodes at the start: three are the fewest on which pods can move away from one and still be spread."""
    node_memory: str = "16Gi"
    """Memory of a node as a Kubernetes quantity: a common size of virtual machine."""
    node_cpu: str = "8"
    """Cores of a node as a Kubernetes quantity."""

    history_limit: int = 5_000
    """Changes kept for watches: a watch from before them gets 410, as on a compacted etcd. About 10 MiB."""
    events_limit: int = 2_000
    """Events kept: a real cluster keeps an hour of them, here the oldest go."""
    watch_timeout: float = 1_800.0
    """How long a watch without timeoutSeconds stays open: the lower bound of a real API server."""
    bookmark_interval: float = 10.0
    """Time between bookmarks of a watch that asked for them: a real server sends them about once a minute."""
    body_limit: int = 3 * 1024 * 1024
    """Largest request body in bytes: the API server's own limit."""

    tick: float = 0.1
    """Longest pause between two rounds of the controllers: short, so that nothing waits visibly."""
    settle: float = 0.02
    """Shortest pause between two rounds, which gathers a burst of writes into one round."""

    pull_seconds: float = 0.4
    """Time to pull an image the first time on a node: long enough to be seen, short for a demo."""
    pull_error_seconds: float = 0.5
    """How long ErrImagePull shows before ImagePullBackOff."""
    start_seconds: float = 0.2
    """Time from a container's start to its readiness."""
    stop_seconds: float = 0.5
    """Time that a container takes to stop after SIGTERM (never more than the pod's grace period)."""
    oom_seconds: float = 1.0
    """Time from the start of a container whose working set is over its limit to its end."""
    liveness_seconds: float = 2.0
    """Time from a container's start to its kill by a failing liveness probe."""
    restart_seconds: float = 0.3
    """Time from a container's first death to its restart: Kubernetes restarts the first time at once."""
    backoff_seconds: float = 1.0
    """First back-off of a crash loop or of a failed pull, doubled each time: 10 in Kubernetes, shorter for a demo."""
    backoff_limit: float = 10.0
    """Longest back-off: 300 in Kubernetes."""
    retry_seconds: float = 1.0
    """Time between attempts to start a container whose config map or volume is missing."""

    node_grace: float = 8.0
    """Time without a sign of life until a node's Ready turns Unknown: 50 in Kubernetes, shorter for a demo."""
    node_lease_seconds: float = 1.0
    """Time between a node's signs of life; well below `node_grace`."""
    cloud: bool = True
    """A cloud's controller looks after the nodes: one that is lost because its machine is off gets the shutdown taint."""
    toleration_seconds: int = 300
    """How long pods stay on an unreachable node when their own tolerations do not say: Kubernetes' default."""
    collector_seconds: float = 0.5
    """Time between rounds of the pod garbage collector: 20 in Kubernetes, shorter for a demo."""
    stop_timeout: float = 3.0
    """How long open requests may take to end when the server stops; then they are cut."""
