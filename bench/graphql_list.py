"""A GraphQL list: 50 rows of 10 fields from a million, another filter each time, over 1 and 16 connections.

Three servers on one database take turns: ours as production runs it, PostGraphile 5 (npm; left out, and said so, where there is no Node), and a bare FastAPI
route with the same SELECT, which is the reference. The clients are one process that costs less than any of them.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from aetherius.access.tokens import write_tokens
from aetherius.access.user import Role, User
from aetherius.cli.tables import create_tables
from aetherius.runtime.embedded_postgres import EmbeddedPostgres
from aetherius.runtime.ports import free_port

ROWS = 1_000_000
ROUNDS = 3
SECONDS = 3.0
CONNECTIONS = (1, 16)
_HERE = Path(__file__).parent
_NODE = Path("build/postgraphile")
_PACKAGES = ("postgraphile@5", "node@22")  # the peer wants a newer Node than some machines have
_TOKEN = "bench"
_OURS = """query L($f: EventFilter) { events(filter: $f, first: 50) { edges { node {
 streamId changedAtPosition clusterId namespace severity reason kind name node occurredAt } } } }"""
_PEER = """query L($c: String) { allEvents(first: 50, condition: {clusterId: $c, validTo: null}, orderBy: CREATED_DESC) { edges { node {
 rowId validFrom clusterId namespace severity reason kind name node occurredAt } } } }"""
_FILL = """
INSERT INTO read_models.events (id, created, valid_from, cluster_id, namespace, severity, reason, kind, name, node, occurred_at, doc)
SELECT id, n, n, cluster, namespace, severity, reason, 'Pod', name, node, at, json_build_object(
    'id', id, 'cluster_id', cluster, 'occurred_at', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'type', 'k8s', 'source', 'kubelet',
    'severity', severity, 'reason', reason, 'message', 'Container image already present on machine and can be accessed by the pod ' || n,
    'namespace', namespace, 'kind', 'Pod', 'name', name, 'node', node, 'owner_kind', 'Deployment', 'owner_name', 'web',
    'raw_data', json_build_object('count', n %% 10, 'exit_code', 137), 'agent_id', 'a1', 'epoch', 1, 'sequence', n)
FROM (SELECT n, gen_random_uuid() AS id, 'cluster-' || (n * 7919 %% 100) AS cluster, 'ns-' || (n %% 10) AS namespace,
    (ARRAY['critical', 'high', 'medium', 'low'])[1 + n %% 4] AS severity, (ARRAY['OOMKilled', 'BackOff', 'Pulled'])[1 + n %% 3] AS reason,
    'web-' || (n %% 5000) AS name, 'node-' || (n %% 50) AS node, timestamptz '2026-11-01' + n * interval '137 ms 411 us' AS at
    FROM generate_series(1::bigint, %s) AS n) AS made"""


def measure() -> list[dict[str, Any]]:
    """The rows `graphql.list.<connections>`, `peer.postgraphile.<connections>` and `graphql.bare.<connections>`."""
    with tempfile.TemporaryDirectory(prefix="aetherius-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        server = EmbeddedPostgres(folder / "postgres")
        try:
            dsn = asyncio.run(server.start())
            _fill(dsn)
            with _servers(dsn, folder) as ports:
                return [row for connections in CONNECTIONS for row in _rows(ports, connections)]
        finally:
            asyncio.run(server.stop())


def _fill(dsn: str) -> None:
    create_tables(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_FILL, (ROWS,))
        connection.execute("INSERT INTO aetherius.checkpoints (name, position) VALUES ('events', %s)", (ROWS,))
        connection.execute("VACUUM ANALYZE read_models.events")


@contextmanager
def _servers(dsn: str, folder: Path) -> Iterator[dict[str, int]]:
    tokens = folder / "tokens.json"
    write_tokens(tokens, {_TOKEN: User("bench", Role.READER)})
    ports = {"ours": free_port(), "bare": free_port()}
    ours = {
        "AETHERIUS_POSTGRES_DSN": dsn,
        "AETHERIUS_TOKENS_FILE": str(tokens),
        "AETHERIUS_GRAPHQL_PORT": str(ports["ours"]),
        "AETHERIUS_STATE_KEYS": f"bench:{base64.b64encode(bytes(32)).decode()}",  # nothing here is sealed
    }
    started = [
        _started([sys.executable, "-m", "aetherius.cli.main", "serve", "api"], ours),
        _started([sys.executable, str(_HERE / "bare_route.py"), dsn, str(ports["bare"])], {}),
    ]
    if node := _node():
        ports["peer"] = free_port()
        shutil.copy(_HERE / "postgraphile_server.mjs", _NODE / "server.mjs")
        settings = {"DSN": dsn, "PORT": str(ports["peer"]), "NODE_ENV": "production", "GRAPHILE_ENV": "production"}
        started.append(_started([node, str(_NODE / "server.mjs")], settings))
    try:
        for port in ports.values():
            _until_answered(port)
        yield ports
    finally:
        for process in started:
            process.terminate()
            process.wait(20)


def _started(command: list[str], settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, env={**os.environ, **settings}, stdout=subprocess.DEVNULL)


def _node() -> str | None:
    """Node with PostGraphile beside it, installed once; None, and a line that says why, where it cannot be had."""
    node = _NODE / "node_modules" / ".bin" / "node"
    if node.exists() or _install():
        return str(node)
    sys.stdout.write("graphql.list: PostGraphile is left out: no npm, or it could not be installed\n")
    return None


def _install() -> bool:
    npm = shutil.which("npm")
    if npm is None:
        return False
    _NODE.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [npm, "install", "--prefix", str(_NODE), "--no-audit", "--no-fund", *_PACKAGES],
        capture_output=True,
        check=False,
        timeout=300,
    )
    return done.returncode == 0


def _until_answered(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"nothing answers on port {port}")


def _rows(ports: Mapping[str, int], connections: int) -> list[dict[str, Any]]:
    rounds: list[dict[str, dict[str, float]]] = []
    for _ in range(ROUNDS + 1):  # the first one warms up
        rounds.append({name: _load(name, port, connections) for name, port in ports.items()})
    rows = []
    for name, title in (("ours", "graphql.list"), ("peer", "peer.postgraphile"), ("bare", "graphql.bare")):
        if name not in ports:
            continue
        seen = [each[name] for each in rounds[1:]]
        rows.append({
            "name": f"{title}.{connections}",
            "value": round(statistics.median(each["rate"] for each in seen), 1),
            "unit": "answers/s",
            "reference": f"graphql.bare.{connections}",
            "ratio": round(statistics.median(each[name]["rate"] / each["bare"]["rate"] for each in rounds[1:]), 4),
            "p50_ms": round(statistics.median(each["p50_ms"] for each in seen), 2),
            "p99_ms": round(statistics.median(each["p99_ms"] for each in seen), 2),
        })  # fmt: skip
    return rows


def _load(name: str, port: int, connections: int) -> dict[str, float]:
    headers = {"Authorization": f"Bearer {_TOKEN}"}
    bodies = [json.dumps(_body(name, f"cluster-{n * 37 % 100}")) for n in range(100)]
    done = subprocess.run(
        [
            sys.executable,
            str(_HERE / "http_load.py"),
            "127.0.0.1",
            str(port),
            "/graphql",
            str(connections),
            str(SECONDS),
        ],
        input="\n".join((json.dumps(headers), *bodies)),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS + 60,
    )
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr[-1000:]}")
    rates: dict[str, float] = json.loads(done.stdout)
    return rates


def _body(name: str, cluster: str) -> dict[str, Any]:
    if name == "ours":
        return {"query": _OURS, "variables": {"f": {"clusterId": cluster}}}
    return {"query": _PEER if name == "peer" else "", "variables": {"c": cluster}}


if __name__ == "__main__":
    for row in measure():
        sys.stdout.write(json.dumps(row) + "\n")
