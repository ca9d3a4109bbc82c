"""A whole installation as a user starts it: `aetherius up` on a folder, simulated clusters, and their agents. All of it can be killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from aetherius.cli.demo import workloads
from aetherius.cli.demo.api import Api
from aetherius.cli.folder import DataFolder
from aetherius.cli.platform import ROOMS
from aetherius.runtime.embedded_nats import EmbeddedNats
from approving import say_yes
from processes import Started, eventually, processes, processes_on

QUICK = {
    "AETHERIUS_SOAK_TIME": "1",
    # More faults in minutes than any cluster should have repaired without a person: the brake has tests of its own.
    "AETHERIUS_REPAIRS_AN_HOUR": "1000",
    "AETHERIUS_REPAIRS_AN_HOUR_NAMESPACE": "1000",
    "AETHERIUS_REPAIRS_AN_HOUR_ACTION": "1000",
    "AETHERIUS_WORKFLOW_PARAMETERS": json.dumps(
        {
            "diagnose_lost_node": {"grace": "2s"},
            "diagnose_missing_config": {"settle": "1s"},
            "diagnose_image_pull": {"settle": "1s"},
            "diagnose_pod_crashloop": {"settle": "1s"},
        }
    ),
    # What a killed process had taken is given to the next one after these, instead of half a minute.
    "AETHERIUS_ACK_WAIT": "3",
    "AETHERIUS_COMMAND_ACK_WAIT": "3",
    "AETHERIUS_ANALYSIS_TIMEOUT": "2",
}
"""Settings with short waits."""

CHILDREN = {**{room: f" serve {room} " for room in ROOMS}, "postgres": "/postgres -D ", "nats": "/nats-server -c "}
"""How each child of `aetherius up` is known by its command line."""


class Installation:
    """One data folder, and the `aetherius up` that runs on it."""

    def __init__(self, root: Path, settings: Mapping[str, str] = QUICK) -> None:
        self.root = root
        root.mkdir(mode=0o711)
        root.chmod(0o711)
        self.folder = DataFolder(root / "data")
        self._settings = settings
        self.up: Started | None = None

    def begin(self) -> Started:
        """Start `aetherius up`, without waiting."""
        words = ("up", "--data", str(self.folder.root))
        self.up = Started(words, self.root / "up.log", self._settings)
        return self.up

    def start(self) -> None:
        """Start `aetherius up` and wait until it serves."""
        self.begin().until_it_says("agents    aetherius enroll")

    def kill(self) -> None:
        """`kill -9` of `aetherius up`, and of nothing else; the kernel is given five seconds to end its children."""
        assert self.up is not None
        self.up.kill()
        eventually(lambda: not self.remains(), f"the end of {self.remains()}", 5.0)

    def interrupt(self) -> None:
        """Ctrl-C; fails if `aetherius up` has not ended well within ten seconds."""
        assert self.up is not None
        self.up.interrupt()
        assert self.up.exit_code(10.0) == 0, self.up.said()

    def stop(self) -> None:
        """Ctrl-C, whatever becomes of it."""
        if self.up is not None:
            self.up.stop()

    def remains(self) -> list[str]:
        """Processes that run on the data folder."""
        return processes_on(self.folder.root)

    def pid(self, child: str) -> int:
        """The process id of a room, of `postgres` or of `nats`, as soon as it runs."""
        assert self.up is not None
        parent = self.up.pid

        def probe() -> int:
            found = [each for each in processes() if each.parent == parent and each.running]
            return next((each.pid for each in found if CHILDREN[child] in each.command), 0)

        return eventually(probe, f"a process {child}")

    def kill_child(self, child: str) -> int:
        """`kill -9` of one child; the pid it had."""
        pid = self.pid(child)
        os.kill(pid, signal.SIGKILL)
        return pid

    def enroll(self, cluster: str) -> Path:
        """`aetherius enroll`: the credentials of a cluster, outside the data folder."""
        file = self.root / cluster / "credentials.json"
        aetherius("enroll", cluster, "--repairs", "--data", str(self.folder.root), "--output", str(file))
        return file

    def audit(self) -> str:
        """What `aetherius audit verify` says; fails if it finds anything."""
        return aetherius("audit", "verify", "--data", str(self.folder.root))

    def approve(self, remediation_id: UUID) -> None:
        """Say yes to a repair, over the API, as the local user."""

        async def approve() -> None:
            port, token = (self.folder.root / "graphql.port").read_text(), self.folder.token.read_text()
            async with Api(f"http://127.0.0.1:{port.strip()}/graphql", token.strip()) as api:
                await say_yes(api, str(remediation_id))

        asyncio.run(approve())

    @property
    def nats_url(self) -> str:
        """NATS, as the user who may do everything."""
        return EmbeddedNats(self.folder.nats).url

    @property
    def dsn(self) -> str:
        """The log's database."""
        postgres = self.folder.postgres
        password, port = (postgres / "password").read_text().strip(), (postgres / "port").read_text().strip()
        return f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"


class SimulatedSite:
    """One simulated cluster and its agent, outside the installation."""

    def __init__(self, name: str, root: Path, credentials: Path) -> None:
        self.name = name
        self._root = root / name
        self._root.mkdir(exist_ok=True)
        self.credentials = credentials
        self._kubeconfig = self._root / "kubeconfig"
        self._cluster: Started | None = None
        self.agent: Started | None = None

    def start(self) -> None:
        """Start the cluster, then its agent."""
        words = ("simulate", self.name, "--kubeconfig", str(self._kubeconfig), "--node-grace", "2")
        self._cluster = Started(words, self._root / "cluster.log")
        eventually(self._answers, f"the simulated cluster {self.name}")
        self.start_agent()

    def start_agent(self) -> None:
        """`aetherius agent`."""
        words = ("agent", "--credentials", str(self.credentials), "--kubeconfig", str(self._kubeconfig))
        self.agent = Started((*words, "--recovery-soak", "1", "--proven-after", "0.5"), self._root / "agent.log")

    def kill_agent(self) -> None:
        """`kill -9` of the agent, which is then started again, as Kubernetes would."""
        assert self.agent is not None
        self.agent.kill()
        self.start_agent()

    def stop(self) -> None:
        """Stop both."""
        for each in (self.agent, self._cluster):
            if each is not None:
                each.stop()

    def kubectl(self, *words: str, document: Any = None) -> str:
        """What kubectl prints; fails if it complains."""
        program = Path(sys.executable).absolute().parent / "kubectl"
        given = json.dumps(document) if document is not None else None
        argv = [str(program), "--kubeconfig", str(self._kubeconfig), *words]
        done = subprocess.run(argv, input=given, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}"
        return done.stdout

    def furnish(self, space: str, *deployments: dict[str, Any]) -> None:
        """Create Deployments in a namespace of their own, and wait until they are available."""
        items = [workloads.namespace(space), *deployments]
        document = {"apiVersion": "v1", "kind": "List", "items": items}
        self.kubectl("create", "--validate=false", "-f", "-", document=document)
        names = [f"deployment/{each['metadata']['name']}" for each in deployments]
        self.kubectl("wait", "--for=condition=Available", *names, "-n", space, "--timeout=20s")

    def deployment(self, space: str, name: str) -> dict[str, Any]:
        """A Deployment as it is."""
        found: dict[str, Any] = json.loads(self.kubectl("get", "deployment", name, "-n", space, "-o", "json"))
        return found

    def spooled(self) -> int:
        """Events that wait in the agent's spool."""
        return int(self._agent_database("SELECT count(*) FROM spool")[0][0])

    def numbered(self) -> tuple[int, int]:
        """The agent's epoch, and the number that it gave last."""
        rows = dict(self._agent_database("SELECT key, value FROM meta WHERE key IN ('epoch', 'sequence')"))
        return int(rows["epoch"]), int(rows["sequence"])

    def _agent_database(self, query: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(f"file:{self._root}/agent/agent.db?mode=ro", uri=True, timeout=5)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def _answers(self) -> bool:
        if not self._kubeconfig.exists():
            return False
        try:
            self.kubectl("version")
        except AssertionError:
            return False
        return True


def aetherius(*words: str) -> str:
    """What a command that ends prints; fails unless it succeeds."""
    argv = [os.path.abspath(sys.executable), "-m", "aetherius.cli.main", *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"aetherius {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout
