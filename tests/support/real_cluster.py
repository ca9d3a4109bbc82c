"""A real control plane: etcd, kube-apiserver, controller manager and scheduler, with kwok as the nodes' kubelet.

The binaries are built once by `make kubernetes` (tests/support/kubernetes/build.sh, Go, some minutes).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster_probe import ClusterProbe, Document, eventually

SCRIPTS = Path(__file__).parent / "kubernetes"
BINARIES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
_GRACE = 8  # seconds without a sign of life until a node is lost: 50 by default, too long for a test
_LEASE = 4
_CRI = "2026-01-01T00:00:{second:02}.000000000Z stdout F {text}\n"
_REQUESTS = [f'level=info msg="request" path=/api/orders status=200 ms={3 + n % 7}' for n in range(50)]
_GROWTH = [f'level=warn msg="allocated cache block" heap_mib={8 * n}' for n in range(1, 9)]
_GROWTH.append('level=error msg="allocation failed soon: memory limit nearly reached" heap_mib=64 limit_mib=64')


def missing_binaries() -> list[str]:
    """The programs that are not built yet, as paths."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("AETHERIUS_TEST_BIN") or cache / "aetherius" / "bin")
    return [str(folder / name) for name in BINARIES if not os.access(folder / name, os.X_OK)]


class RealCluster:
    """A control plane of this session's own, on free ports, with its state in `folder`."""

    name = "real"
    collector_seconds = 20.0

    def __init__(self, folder: Path, zones: tuple[str, ...] = ("",) * 3) -> None:
        """With a node for each zone that is given; a node without a zone for an empty one."""
        self._zones = zones
        self._state = folder / "kube"
        self._folder = folder
        self.kubeconfig = self._state / "kubeconfig"
        self.audit_log = self._state / "log" / "audit.log"

    @contextmanager
    def running(self) -> Iterator[RealCluster]:
        """Run it until the block ends, and wipe it then."""
        try:
            self._script("up.sh")
            self._furnish()
            yield self
        finally:
            self._script("down.sh", "--now", "--wipe")

    def forget_history(self) -> None:
        """Compact etcd and restart the API server, whose own cache would still know the history."""
        self._script("restart.sh", "kube-apiserver", "--compact", "--kill")

    def _furnish(self) -> None:
        probe = ClusterProbe(self.kubeconfig, "default")
        for number, zone in enumerate(self._zones, 1):
            probe.create("Node", a_node(f"node-{number}", zone))
        self._serve_logs(probe)
        eventually(lambda: all(_is_usable(node) for node in probe.listed("Node")))
        probe.close()

    def _serve_logs(self, probe: ClusterProbe) -> None:
        """Let kwok serve one text for all pods, and as their previous log that of a container that outgrows its memory."""
        files = {}
        for name, lines in (("logsFile", _REQUESTS), ("previousLogsFile", _GROWTH)):
            files[name] = self._folder / f"{name}.log"
            files[name].write_text("".join(_CRI.format(second=n, text=text) for n, text in enumerate(lines)))
        logs = [{name: str(path) for name, path in files.items()}]
        body = {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "ClusterLogs", "metadata": {"name": "all"}}
        probe.create("ClusterLogs", body | {"spec": {"logs": logs}})

    def _script(self, name: str, *arguments: str) -> None:
        env = {"AETHERIUS_KUBE_STATE": str(self._state), "NODE_LEASE_S": str(_LEASE)}
        env["KCM_ARGS"] = f"--node-monitor-grace-period={_GRACE}s --node-monitor-period=1s"
        command = [str(SCRIPTS / name), *arguments]
        done = subprocess.run(command, env=os.environ | env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{name} failed: {done.stdout[-1000:]}{done.stderr[-2000:]}"


def a_node(name: str, zone: str = "") -> Document:
    """A node that kwok is the kubelet of."""
    labels = {"type": "kwok", "kubernetes.io/hostname": name}
    return {"metadata": {"name": name, "labels": labels | ({"topology.kubernetes.io/zone": zone} if zone else {})}}


def _is_usable(node: Document) -> bool:
    conditions = node.get("status", {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions) and not node["spec"].get("taints")
