"""The simulator as a server: its kubeconfig, its port, its end."""

from __future__ import annotations

import json
import stat
import threading
from pathlib import Path

from cluster_probe import ClusterProbe
from simulated_cluster import SimulatedCluster


def test_the_kubeconfig_is_its_owners_only_and_speaks_tls(tmp_path: Path) -> None:
    with SimulatedCluster(tmp_path).running() as cluster:
        assert stat.S_IMODE(cluster.kubeconfig.stat().st_mode) == 0o600
        server = json.loads(cluster.kubeconfig.read_text())["clusters"][0]["cluster"]
        assert server["server"].startswith("https://127.0.0.1:")
        assert server["certificate-authority-data"]


def test_an_open_watch_does_not_keep_it_from_stopping(tmp_path: Path) -> None:
    ended = threading.Event()
    with SimulatedCluster(tmp_path).running() as cluster:
        probe = ClusterProbe(cluster.kubeconfig, "default")
        events = probe.watch("/api/v1/nodes?watch=1")
        assert next(events)["type"] == "ADDED"

        def follow() -> None:
            for _ in events:
                continue
            ended.set()

        follower = threading.Thread(target=follow)
        follower.start()
    assert ended.wait(60), "by itself the watch lasts for many minutes"
    follower.join()
    probe.close()


def test_two_clusters_live_side_by_side(tmp_path: Path) -> None:
    with SimulatedCluster(tmp_path / "a").running() as one, SimulatedCluster(tmp_path / "b").running() as other:
        assert one.kubeconfig.read_text() != other.kubeconfig.read_text()
