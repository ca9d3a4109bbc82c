"""The data folder of `aetherius up`: where each part keeps its state."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from aetherius.runtime.data_folder import state_folder

DEFAULT = Path(".data")
DataOption = Annotated[
    Path,
    typer.Option("--data", envvar="AETHERIUS_DATA", help="Folder for the log, keys and state."),
]


@dataclass(frozen=True)
class DataFolder:
    """Paths inside one data folder."""

    root: Path

    @classmethod
    def at(cls, preferred: Path) -> DataFolder:
        """The folder that is really used: as root, one that PostgreSQL's own user can reach."""
        return cls(state_folder(preferred))

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def nats(self) -> Path:
        return self.root / "nats"

    @property
    def signing_key(self) -> Path:
        """Key that commands are signed with."""
        return self.root / "signing-key.pem"

    @property
    def state_keys(self) -> Path:
        """Keys that secrets in the log are sealed with."""
        return self.root / "state-keys"

    @property
    def tokens(self) -> Path:
        """Who may use the API: hashes of tokens."""
        return self.root / "tokens.json"

    @property
    def token(self) -> Path:
        """The local user's own token."""
        return self.root / "token"

    @property
    def anchors(self) -> Path:
        """Heads of the log, noted outside it."""
        return self.root / "anchors.jsonl"

    def credentials(self, cluster_id: str) -> Path:
        """What the agent of a cluster needs."""
        return self.root / "clusters" / cluster_id / "credentials.json"

    def agent_state(self, cluster_id: str) -> Path:
        """Spool of a local agent."""
        return self.root / "clusters" / cluster_id / "agent"

    def kubeconfig(self, cluster_id: str) -> Path:
        """Kubeconfig of a simulated cluster."""
        return self.root / "clusters" / cluster_id / "kubeconfig"


def program() -> tuple[str, ...]:
    """How a child process runs this command line."""
    import sys

    return (os.path.abspath(sys.executable), "-m", "aetherius.cli.main")
