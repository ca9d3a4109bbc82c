"""A whole installation on one machine: embedded PostgreSQL and NATS, and the same `serve` processes that production runs, supervised."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from aetherius.cli.folder import DataFolder, program
from aetherius.cli.tables import create_tables
from aetherius.cli.tokens import local_token
from aetherius.domain.keyring import new_key
from aetherius.runtime.child import ChildSpec
from aetherius.runtime.data_folder import make_folder
from aetherius.runtime.embedded_nats import EmbeddedNats
from aetherius.runtime.embedded_postgres import EmbeddedPostgres
from aetherius.runtime.ports import kept_port
from aetherius.runtime.signing_key import SigningKey
from aetherius.runtime.state_keys import make_key_file
from aetherius.runtime.supervisor import Phase, Supervisor

_KEPT = frozenset({"PATH", "HOME", "LANG", "VIRTUAL_ENV"})
_ONE_PROCESS = frozenset({"AETHERIUS_HEALTH_PORT"})
"""What only one process on a machine can have."""
ROOMS = ("agent_manager", "orchestrator", "projections", "search", "api")


@dataclass(frozen=True)
class PlatformOptions:
    """How one installation runs."""

    user: str = "local"
    """Name that the local token stands for."""
    graphql_port: int = 0
    """0: the port of the last time if it is free, else any."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """More settings for the services."""


class Platform:
    """Use as `async with Platform(folder, options) as platform`: everything serves inside the block, and nothing is left after it.

    Raises: FolderInUseError (another one runs on this folder), ChildFailedError (a part did not start; names its log).
    """

    def __init__(
        self,
        folder: DataFolder,
        options: PlatformOptions | None = None,
        on_change: Callable[[str, Phase], None] | None = None,
    ) -> None:
        self.folder = folder
        self.options = options or PlatformOptions()
        self.supervisor = Supervisor(folder.root, on_change=on_change)
        self.postgres = EmbeddedPostgres(folder.postgres)
        self.nats = EmbeddedNats(folder.nats)
        self.token = ""
        self.graphql_port = 0
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._enter()
        except BaseException as exc:
            await self._exits.__aexit__(type(exc), exc, exc.__traceback__)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._exits.__aexit__(kind, error, at)

    @property
    def graphql_url(self) -> str:
        """Where queries go."""
        return f"http://127.0.0.1:{self.graphql_port}/graphql"

    async def _enter(self) -> None:
        make_folder(self.folder.root)
        await self.postgres.prepare()
        self._exits.callback(self.postgres.release)
        await self.nats.prepare()
        self._exits.callback(self.nats.release)
        await self._exits.enter_async_context(self.supervisor)
        self.key = SigningKey.load_or_create(self.folder.signing_key)
        make_key_file(self.folder.state_keys, new_key())
        self.token = local_token(self.folder, self.options.user)
        self.graphql_port = kept_port(self.folder.root / "graphql.port", self.options.graphql_port)
        await self.supervisor.start(self.postgres.child(), self.nats.child())
        await asyncio.to_thread(create_tables, self.postgres.dsn)

    async def serve(self, *beside: ChildSpec) -> None:
        """Start the services, and what is to run beside them; return when all are ready."""
        await self.supervisor.start(*(self._service(room) for room in ROOMS), *beside)

    async def enroll(self, *cluster_ids: str, repairs: bool = False) -> list[Path]:
        """Give the agents of clusters their credentials; the files. `repairs`: the clusters may be changed from the start."""
        made = await self.nats.add_clusters(cluster_ids, self.key.public)
        paths = [self.folder.credentials(cluster_id) for cluster_id in cluster_ids]
        for credentials, path in zip(made, paths, strict=True):
            make_folder(path.parent)
            replace(credentials, repairs=repairs).save(path)
        return paths

    def _service(self, room: str) -> ChildSpec:
        return ChildSpec(
            name=room, argv=(*program(), "serve", room), env=self._environment(), ready_by_fd=True, ready_within=60.0
        )

    def _environment(self) -> dict[str, str]:
        own = {
            "AETHERIUS_POSTGRES_DSN": self.postgres.dsn,
            "AETHERIUS_NATS_URL": self.nats.url,
            "AETHERIUS_SIGNING_KEY_FILE": str(self.folder.signing_key),
            "AETHERIUS_STATE_KEYS_FILE": str(self.folder.state_keys),
            "AETHERIUS_STATE_KEYS": "",  # those of another installation, left in the shell
            "AETHERIUS_TOKENS_FILE": str(self.folder.tokens),
            "AETHERIUS_ANCHOR_FILE": str(self.folder.anchors),
            "AETHERIUS_ANCHOR_KEY_ID": self.key.public.fingerprint,
            "AETHERIUS_GRAPHQL_PORT": str(self.graphql_port),
        }
        return service_environment(os.environ, own, self.options.environment)


def service_environment(shell: Mapping[str, str], own: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """What a service is told: settings from the shell, but never addresses: one of another installation, left in the shell, must not have a demo write
    into that one's log. Nor a port that all would listen on: here each service takes its own from its table in the file of settings."""
    inherited = {
        name: value
        for name, value in shell.items()
        if name in _KEPT or (name.startswith("AETHERIUS_") and name not in _ONE_PROCESS)
    }
    return {**inherited, **own, **given}
