"""What a contract or acceptance test is told about the Kubernetes cluster it runs on, simulated or real."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class ClusterUnderTest(Protocol):
    """A running cluster with three nodes, whose faults are injected by the same API objects everywhere (docs/simulator.md)."""

    name: str
    kubeconfig: Path
    collector_seconds: float
    """How long the pod garbage collector may take to its next round."""

    def forget_history(self) -> None:
        """Make every older resourceVersion answer 410."""
