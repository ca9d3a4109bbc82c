"""`aetherius simulate`: one simulated cluster, for the demo and for trying things without a cluster."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from aetherius.cli.missing import explained
from aetherius.cli.serve import _run


def simulate(
    name: Annotated[str, typer.Argument(help="Name of the cluster.")] = "simulated",
    kubeconfig: Annotated[Path, typer.Option(help="Where to write the kubeconfig (mode 600).")] = Path("kubeconfig"),
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    node_grace: Annotated[float, typer.Option(help="Seconds without a sign of life until a node is not ready.")] = 8.0,
    ready_fd: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Serve a simulated Kubernetes cluster until Ctrl-C."""
    with explained():
        from aetherius.runtime.telemetry import configure_logging
        from aetherius.simulator.server import serve
        from aetherius.simulator.settings import SimulatorSettings

        settings = SimulatorSettings(cluster=name, kubeconfig_path=kubeconfig, port=port, node_grace=node_grace)

        def service(stop: asyncio.Event, ready: Callable[[], None]) -> Awaitable[None]:
            return serve(settings, stop, lambda _: ready())

        configure_logging(f"simulator-{name}", "INFO")
        sys.exit(_run(service, ready_fd))
