"""Serves one simulated cluster: its API over HTTP, its controllers beside it, and its kubeconfig file."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import uvicorn

from aetherius.simulator.api.app import KubernetesApi
from aetherius.simulator.certificate import Certificate, self_signed
from aetherius.simulator.cluster import Cluster
from aetherius.simulator.control_loop import controllers, run_controllers
from aetherius.simulator.documents import Document
from aetherius.simulator.kubelet.kubelet import Kubelet
from aetherius.simulator.settings import SimulatorSettings

logger = logging.getLogger(__name__)

_LAST_ANSWERS = 0.5  # seconds for answers under way when the server stops: they are made in memory


async def serve(settings: SimulatorSettings, stop: asyncio.Event, started: Callable[[int], None] | None = None) -> None:
    """Serve until `stop` is set; `started` is told the port once requests are answered and the kubeconfig is written.

    Raises OSError when the address cannot be had.
    """
    cluster = Cluster(settings, lambda: datetime.now(UTC))
    cluster.furnish()
    kubelet = Kubelet(cluster)
    token = settings.token or secrets.token_urlsafe(32)
    with _listener(settings) as listener:
        port = int(listener.getsockname()[1])
        certificate = self_signed(settings.host, cluster.clock())
        server = _server(settings, KubernetesApi(cluster, kubelet, token, stop), certificate)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve([listener]), name="http")
            tasks.create_task(run_controllers(cluster, controllers(cluster, kubelet), stop), name="controllers")
            tasks.create_task(_end(server, cluster, stop), name="end")
            await server.answering.wait()
            if settings.kubeconfig_path is not None:
                address = f"https://{settings.host}:{port}"
                write_kubeconfig(settings.kubeconfig_path, settings.cluster, address, certificate.pem, token)
            if started is not None:
                started(port)
            logger.info("simulated cluster is up", extra={"cluster": settings.cluster, "port": port})


def write_kubeconfig(path: Path, cluster: str, address: str, trusted: bytes, token: str) -> None:
    """Write a kubeconfig that only its owner can read, whole or not at all."""
    authority = base64.b64encode(trusted).decode()
    document: Document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": {"server": address, "certificate-authority-data": authority}}],
        "users": [{"name": cluster, "user": {"token": token}}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster, "namespace": "default"}}],
        "current-context": cluster,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(document, file, indent=1)  # JSON is YAML
    draft.replace(path)


def _listener(settings: SimulatorSettings) -> socket.socket:
    listener = socket.socket(
        socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP
    )  # without the protocol, asyncio sets no TCP_NODELAY: 40 ms an answer
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError:
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    """uvicorn that leaves signals to its caller and tells when it answers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answering = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let open answers end, then cut what is left: a client's idle TLS connection never says goodbye by itself."""
        closing = asyncio.create_task(super().shutdown(sockets))
        await asyncio.wait({closing}, timeout=_LAST_ANSWERS)
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        await closing

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        self.answering.set()


def _server(settings: SimulatorSettings, api: KubernetesApi, certificate: Certificate) -> _Server:
    config = uvicorn.Config(
        api.app, log_level="warning", access_log=False, lifespan="off", server_header=False,
        timeout_graceful_shutdown=int(settings.stop_timeout),
    )  # fmt: skip
    config.load()
    config.ssl = certificate.context
    return _Server(config)


async def _end(server: uvicorn.Server, cluster: Cluster, stop: asyncio.Event) -> None:
    await stop.wait()
    cluster.store.wake()  # watches end
    server.should_exit = True
