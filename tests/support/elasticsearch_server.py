"""A genuine Elasticsearch 9 on a loopback port: one node with its own configuration, data and logs, small. It can be stopped, killed and started again. Without security, or as one in production: TLS and users.

The distribution is fetched once by `make elasticsearch` (tests/support/elasticsearch_distribution/fetch.sh, Maven); it runs on a full JDK of version 21 or later. Root may not run it: then
it runs as `nobody`, from a copy that `nobody` can reach.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import secrets
import shutil
import signal
import ssl
import subprocess
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import ClassVar, Final

import anyio.to_thread

from aetherius.runtime.child import Child, ChildSpec
from aetherius.runtime.ports import free_port
from aetherius.simulator.certificate import pems

FETCH: Final = Path(__file__).parent / "elasticsearch_distribution" / "fetch.sh"
JAVA: Final = "AETHERIUS_TEST_JAVA_HOME"
_OPTIONS: Final = "-Xms256m -Xmx256m -XX:TieredStopAtLevel=1"
"""Small, and quick to start: tests are not about its speed. Benchmarks give others."""
_READY_WITHIN: Final = 120.0
_CONFIGURATION: Final = """cluster.name: aetherius-test
node.name: test
network.host: 127.0.0.1
http.port: {port}
transport.port: {transport}
discovery.type: single-node
path.data: "{root}/data"
path.logs: "{root}/logs"
node.store.allow_mmap: false
cluster.routing.allocation.disk.threshold_enabled: false
action.destructive_requires_name: false
"""


def missing_parts() -> list[str]:
    """What a server needs and this machine does not have."""
    missing = [] if (_distribution() / "bin" / "elasticsearch").exists() else ["the distribution"]
    return missing if _java_home() else [*missing, f"a full JDK of version 21 or later ({JAVA} names one)"]


class ElasticsearchServer:
    """One node on one folder, which every user must be able to reach. Without security."""

    SCHEME: ClassVar[str] = "http"
    SECURITY: ClassVar[str] = "xpack.security.enabled: false"
    _authorization: str = ""
    _trust: ssl.SSLContext | None = None

    def __init__(self, root: Path, options: str = _OPTIONS) -> None:
        self.root = root
        self._options = options
        self._port = free_port()
        self._child: Child | None = None
        _make(root)

    @property
    def url(self) -> str:
        return f"{self.SCHEME}://127.0.0.1:{self._port}"

    async def start(self) -> str:
        """Start it, and return its URL once it answers."""
        (self.root / "pid").unlink(missing_ok=True)
        self._child = Child(self._spec())
        await self._child.until_ready()
        return self.url

    async def stop(self) -> None:
        """Ask it to end, and wait for that."""
        if self._child is not None:
            await self._child.stop()
            self._child = None

    async def crash(self) -> None:
        """`kill -9` of the server itself."""
        assert self._child is not None
        os.kill(int((self.root / "pid").read_text()), signal.SIGKILL)
        await self._child.wait()
        self._child = None

    def _spec(self) -> ChildSpec:
        home = self.root / "home"
        (self.root / "config" / "elasticsearch.yml").write_text(
            _CONFIGURATION.format(port=self._port, transport=free_port(), root=self.root) + self.SECURITY
        )
        return ChildSpec(
            name="elasticsearch",
            argv=(str(home / "bin" / "elasticsearch"), "-p", str(self.root / "pid")),
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.root / "tmp"),
                "ES_JAVA_HOME": str(_java_home()),
                "ES_JAVA_OPTS": self._options,
                "ES_PATH_CONF": str(self.root / "config"),
                "ES_TMPDIR": str(self.root / "tmp"),
            },
            cwd=self.root,
            user=_user(),
            ready=self._is_ready,
            ready_within=_READY_WITHIN,
            stop_within=30.0,
            log_file=self.root / "logs" / "output.log",
        )

    async def _is_ready(self) -> bool:
        return await anyio.to_thread.run_sync(self._answers)

    def _answers(self) -> bool:
        try:
            return self._is_yellow()
        except OSError:
            return False

    def _is_yellow(self) -> bool:
        request = urllib.request.Request(f"{self.url}/_cluster/health?wait_for_status=yellow&timeout=1s")
        request.add_header("Authorization", self._authorization)
        with urllib.request.urlopen(request, timeout=3, context=self._trust) as answer:
            return bool(answer.status == 200)


class SecuredElasticsearch(ElasticsearchServer):
    """The same with TLS, which a certificate of its own vouches for, and users who may do what their roles say; an operator may all.

    It makes no API keys: their index wants a module that the distribution does not have.
    """

    SCHEME = "https"
    SECURITY = """xpack.security.enabled: true
xpack.security.http.ssl.enabled: true
xpack.security.http.ssl.certificate: certificate.pem
xpack.security.http.ssl.key: key.pem
"""

    def __init__(self, root: Path, roles: Mapping[str, object]) -> None:
        """`roles`: what each may; a user of its name has it."""
        super().__init__(root)
        self.password = secrets.token_urlsafe(12)
        """Of every user."""
        certificate, key = pems("127.0.0.1", datetime.now(UTC))
        self.ca_file = root / "config" / "certificate.pem"
        self.ca_file.write_bytes(certificate)
        (root / "config" / "key.pem").write_bytes(key)
        (root / "config" / "roles.yml").write_text(
            "".join(f"{name}: {json.dumps(role)}\n" for name, role in roles.items())
        )
        self._spec()  # the program below reads the configuration
        self._add("operator", "superuser")
        for role in roles:
            self._add(role, role)
        _give(root)
        self._authorization = "Basic " + b64encode(f"operator:{self.password}".encode()).decode()
        self._trust = ssl.create_default_context(cafile=self.ca_file)

    def _add(self, user: str, role: str) -> None:
        config = str(self.root / "config")
        environment = {"PATH": os.environ["PATH"], "ES_PATH_CONF": config, "ES_JAVA_HOME": str(_java_home())}
        words = ("useradd", user, "-p", self.password, "-r", role)
        program = self.root / "home" / "bin" / "elasticsearch-users"
        subprocess.run([program, *words], env=environment, check=True, capture_output=True, timeout=120)


def _make(root: Path) -> None:
    """The folders of a node, its configuration, and the distribution where its user can reach it."""
    source = _distribution()
    for name in ("config/jvm.options.d", "data", "logs", "tmp"):
        (root / name).mkdir(parents=True)
    copied = subprocess.run(["cp", "-al", source, root / "home"], capture_output=True, check=False)
    if copied.returncode:  # another file system has no hard links to it
        shutil.rmtree(root / "home", ignore_errors=True)
        shutil.copytree(source, root / "home", symlinks=True)
    for name in ("log4j2.properties", "role_mapping.yml", "roles.yml", "users", "users_roles"):
        shutil.copy(source / "config" / name, root / "config")
    (root / "config" / "jvm.options").write_text(_jvm_options(source))
    root.chmod(0o711)
    _give(root)


def _give(root: Path) -> None:
    """To the user that it runs as."""
    if user := _user():
        for folder in ("config", "data", "logs", "tmp"):
            shutil.chown(root / folder, *user)
            for path in (root / folder).rglob("*"):
                shutil.chown(path, *user)
        os.chown(root, *user)  # the file of its pid


def _jvm_options(source: Path) -> str:
    """As shipped, without the garbage collector's log, heap dumps, and what the distribution does not hold."""
    lines = (source / "config" / "jvm.options").read_text().splitlines()
    return "\n".join(line for line in lines if not re.search("^-Xlog:|HeapDump|arrow", line)) + "\n"


def _user() -> tuple[int, int] | None:
    nobody = pwd.getpwnam("nobody")
    return (nobody.pw_uid, nobody.pw_gid) if os.geteuid() == 0 else None


@cache
def _distribution() -> Path:
    found = subprocess.run([FETCH, "--where"], capture_output=True, text=True, check=True, timeout=120)
    return Path(found.stdout.strip())


@cache
def _java_home() -> Path | None:
    """The newest full JDK: the server's own modules need some that trimmed ones lack."""
    given = os.environ.get(JAVA)
    homes = [Path(given)] if given else sorted(Path("/usr/lib/jvm").glob("*"), key=_number, reverse=True)
    if not given and "JAVA_HOME" in os.environ:
        homes.append(Path(os.environ["JAVA_HOME"]))
    return next((home for home in homes if _fits(home)), None)


def _fits(home: Path) -> bool:
    release = home / "release"
    text = release.read_text() if release.exists() else ""
    version = re.search(r'JAVA_VERSION="(\d+)', text)
    return bool(version and int(version[1]) >= 21 and "jdk.jlink" in text and (home / "bin" / "java").exists())


def _number(home: Path) -> int:
    found = re.search(r"(\d+)", home.name)
    return int(found[1]) if found else 0
