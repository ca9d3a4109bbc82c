"""A simulated cluster on a free port, on an event loop of its own in a thread."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aetherius.simulator.server import serve
from aetherius.simulator.settings import SimulatorSettings
from cluster_probe import MERGE, ClusterProbe

_DEADLINE = 20.0  # seconds to start or to stop


class SimulatedCluster:
    """The simulator as a cluster under test."""

    def __init__(self, folder: Path, settings: SimulatorSettings | None = None) -> None:
        self.kubeconfig = folder / "kubeconfig"
        self._settings = dataclasses.replace(settings or SimulatorSettings(), kubeconfig_path=self.kubeconfig)
        self.name = self._settings.cluster
        self.collector_seconds = self._settings.collector_seconds
        self._history_limit = self._settings.history_limit

    @contextmanager
    def running(self) -> Iterator[SimulatedCluster]:
        """Run it until the block ends; a failure inside it fails the block."""
        loop = asyncio.new_event_loop()
        stop, started = asyncio.Event(), threading.Event()
        failures: list[BaseException] = []

        def run() -> None:
            try:
                loop.run_until_complete(serve(self._settings, stop, lambda port: started.set()))
            except BaseException as exc:  # noqa: BLE001  (handed to the test's thread, below)
                failures.append(exc)
            finally:
                loop.close()
                started.set()

        thread = threading.Thread(target=run, name=f"simulator {self.name}")
        thread.start()
        try:
            assert started.wait(_DEADLINE), "the simulator did not start"
            yield self
        finally:
            if not loop.is_closed():
                loop.call_soon_threadsafe(stop.set)
            thread.join(_DEADLINE)
        if failures:
            raise failures[0]
        assert not thread.is_alive(), "the simulator did not stop"

    def forget_history(self) -> None:
        """Write more than the history holds."""
        probe = ClusterProbe(self.kubeconfig, "default")
        probe.create("ConfigMap", {"metadata": {"name": "history"}})
        for number in range(self._history_limit * 12 // 10):
            path = "/api/v1/namespaces/default/configmaps/history"
            probe.request("PATCH", path, {"data": {"n": str(number)}}, MERGE)
        probe.kind("ConfigMap").delete(name="history", namespace="default")
        probe.close()
