"""The real servers that a machine builds or fetches once: what is missing of each, and how a build in the background stands.

A build belongs to a run of the tests (`builds.py`), which names a folder in the environment of its workers: `NAME.log`, `NAME.late` when it was not done at once,
`NAME.exit` with its exit code when it ended.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

import browser
import elasticsearch_server
import real_cluster

BUILDS: Final = "AETHERIUS_TEST_BUILDS"
"""Names that folder."""
_SCRIPT: Final = '"$0" >"$1.log" 2>&1; echo $? >"$1.new"; mv "$1.new" "$1.exit"'


@dataclass(frozen=True)
class BuiltServer:
    """One such server, named as the mark of its tests."""

    name: str
    title: str
    script: Path
    tool: str
    program: str
    missing: Callable[[], list[str]]

    def require(self) -> None:
        """Skip, and say why, where there is no server."""
        if not self.missing():
            return
        if self.failed():
            pytest.skip(f"{self.title}: its build failed")
        reason = f"run `make {self.name}`" if shutil.which(self.program) else f"{self.tool} is not installed"
        pytest.skip(f"{self.title}: {reason}; missing: {', '.join(self.missing())}")

    def begin(self, folder: Path) -> subprocess.Popen[bytes] | None:
        """Run its script in the background, where its tool is."""
        if shutil.which(self.program) is None:
            return None
        for left in folder.glob(f"{self.name}.*"):
            left.unlink()
        words = ["nice", "bash", "-c", _SCRIPT, str(self.script), str(folder / self.name)]
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)

    def wait(self) -> None:
        """Return when its script has ended, if one runs."""
        while (folder := _folder()) and (folder / f"{self.name}.late").exists() and self._exit_code() is None:
            time.sleep(0.2)

    @property
    def late(self) -> bool:
        """Whether its tests come last."""
        folder = _folder()
        return folder is not None and (folder / f"{self.name}.late").exists()

    def failed(self) -> bool:
        """Whether its script has failed in this run."""
        return self._exit_code() not in (None, 0)

    def log_tail(self) -> str:
        """The last lines of its script."""
        folder = _folder()
        return "\n".join((folder / f"{self.name}.log").read_text().splitlines()[-20:]) if folder else ""

    def _exit_code(self) -> int | None:
        folder = _folder()
        file = folder / f"{self.name}.exit" if folder else None
        return int(file.read_text()) if file and file.exists() else None


KUBERNETES: Final = BuiltServer(
    "kubernetes",
    "real Kubernetes control plane",
    real_cluster.SCRIPTS / "build.sh",
    "Go",
    "go",
    real_cluster.missing_binaries,
)
ELASTICSEARCH: Final = BuiltServer(
    "elasticsearch",
    "real Elasticsearch",
    elasticsearch_server.FETCH,
    "Maven",
    "mvn",
    elasticsearch_server.missing_parts,
)
CHROMIUM: Final = BuiltServer(
    "chromium", "Chromium, as a browser", browser.FETCH, "apt-get", "apt-get", browser.missing_program
)
SERVERS: Final = (KUBERNETES, ELASTICSEARCH, CHROMIUM)


def _folder() -> Path | None:
    named = os.environ.get(BUILDS)
    return Path(named) if named else None


def needed_by(item: pytest.Item) -> Iterator[BuiltServer]:
    """The servers whose names a test is marked with."""
    return (server for server in SERVERS if item.get_closest_marker(server.name))
