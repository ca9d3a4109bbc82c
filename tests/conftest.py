"""Fixtures that every test may use: real servers, started once a session, shared by tests through names of their own.

Side by side, each worker has a session, and so servers, of its own. The dear ones are wanted by one group of tests, which one worker runs.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from aetherius.runtime.embedded_nats import EmbeddedNats
from aetherius.runtime.embedded_postgres import EmbeddedPostgres
from aetherius.simulator.settings import SimulatorSettings
from browser import program
from built_servers import CHROMIUM, ELASTICSEARCH, KUBERNETES
from elasticsearch_server import ElasticsearchServer
from postgres_site import PostgresSite
from real_cluster import RealCluster
from s3_server import S3Server
from simulated_cluster import SimulatedCluster

# No test depends on how fast the machine is just now.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

pytest_plugins = ["builds", "order_of_tests", "skipped_table", "game_day_table"]

LOCK = Path(tempfile.gettempdir()) / f"aetherius-acceptance-{os.getuid()}.lock"
_NEEDS = {
    "real_cluster": "kubernetes",
    "three_zones": "kubernetes",
    "elasticsearch_url": "elasticsearch",
    "own_elasticsearch": "elasticsearch",
    "chromium": "chromium",
}
"""Fixture to the mark of the server that it needs."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what needs a server that is built or fetched: it may have to wait, and can be chosen (`make test-kubernetes`)."""
    for fixture in _NEEDS.keys() & set(getattr(item, "fixturenames", ())):
        item.add_marker(_NEEDS[fixture])


@pytest.fixture
def chromium() -> str:
    """The program of a browser."""
    CHROMIUM.require()
    found = program()
    assert found is not None
    return found


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests are marked `@pytest.mark.anyio` and run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def alone() -> Iterator[None]:
    """Nobody else runs whole installations under test on this machine meanwhile."""
    with LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, as a server run by root needs: pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="aetherius-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres(open_folder: Path) -> Iterator[str]:
    """The DSN of a PostgreSQL server for the whole session. Tests take `dsn`, a database of their own on it."""
    server = EmbeddedPostgres(open_folder / "postgres")
    dsn = asyncio.run(server.start())
    PostgresSite.configure(dsn, fsync="off")  # no test cuts the power: a killed server loses nothing by it
    yield dsn
    asyncio.run(server.stop())


@pytest.fixture
def dsn(postgres: str) -> Iterator[str]:
    """The DSN of an empty database, dropped after the test with whoever is still connected."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 STRATEGY file_copy").format(sql.Identifier(name)))
        yield make_conninfo(postgres, dbname=name)
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """An S3 server for the whole session. Tests use buckets of their own."""
    with S3Server().running() as server:
        yield server


@pytest.fixture
def s3_bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty bucket there; the environment says how to reach it."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server.bucket(f"bucket-{uuid.uuid4().hex}")


@pytest.fixture(scope="session")
def nats_server(open_folder: Path) -> Iterator[EmbeddedNats]:
    """A NATS server with JetStream for the whole session, without streams. Tests use subjects, streams and clusters of their own."""
    server = EmbeddedNats(open_folder / "nats")
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture
def nats_url(nats_server: EmbeddedNats) -> str:
    """The URL of that server, as the user who may do everything."""
    return nats_server.url


@pytest.fixture(scope="session")
def simulated_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedCluster]:
    """A simulated Kubernetes cluster for the whole session. Tests use namespaces of their own."""
    settings = SimulatorSettings(history_limit=800, bookmark_interval=1.0, node_grace=3.0, node_lease_seconds=0.5)
    with SimulatedCluster(tmp_path_factory.mktemp("simulator"), settings).running() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def real_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """A real Kubernetes control plane for the whole session, skipped where it is not built. Tests use namespaces of their own."""
    KUBERNETES.require()
    with RealCluster(tmp_path_factory.mktemp("kubernetes")).running() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def elasticsearch_url(open_folder: Path) -> Iterator[str]:
    """The URL of a real Elasticsearch for the whole session, skipped where it is not there. Tests use names of their own."""
    ELASTICSEARCH.require()
    server = ElasticsearchServer(open_folder / "elasticsearch")
    yield asyncio.run(server.start())
    asyncio.run(server.stop())


@pytest.fixture
def own_elasticsearch(open_folder: Path) -> Iterator[ElasticsearchServer]:
    """A server that a test may stop and kill; it starts it."""
    ELASTICSEARCH.require()
    server = ElasticsearchServer(open_folder / f"elasticsearch-{uuid.uuid4().hex[:8]}")
    yield server
    asyncio.run(server.stop())
