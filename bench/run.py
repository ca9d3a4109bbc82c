"""`make bench`: every number in one run, each as a ratio to a limit or a peer of the same run. Also in build/bench.json."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import append
import graphql_list
import growth
import ingest
import path
import projections
import reading
import search
import subscription

from aetherius.runtime.embedded_postgres import EmbeddedPostgres

RESULT = Path("build/bench.json")


def main() -> None:
    """Measure, print, and write the result."""
    rows = _log_rows()
    limit = next(row["value"] for row in rows if row["name"] == "append.copy")
    for row in rows:
        _show(row)
    for row in (*asyncio.run(ingest.measure(limit)), *asyncio.run(path.measure(limit))):
        rows.append(row)
        _show(row)
    for row in (*projections.sustained(), *asyncio.run(subscription.measure()), *graphql_list.measure()):
        rows.append(row)
        _show(row)
    with growth.GrownLog() as grown:
        for row in (*growth.measure(grown), *projections.grown_rows(grown)):
            rows.append(row)
            _show(row)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(rows, indent=1) + "\n")
    sys.stdout.write(f"written to {RESULT}\n")


def _log_rows() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="aetherius-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the server, run as another user by root, must reach its data
        server = EmbeddedPostgres(folder / "postgres")
        try:
            dsn = asyncio.run(server.start())
            rows = [*(dict(row) for row in append.run(dsn, folder)), *reading.measure(dsn)]
            return [*rows, *asyncio.run(search.measure(dsn))]
        finally:
            asyncio.run(server.stop())


def _show(row: dict[str, Any]) -> None:
    sys.stdout.write(
        f"{row['name']:<26} {row['value']:>10,.0f} {row['unit']}  {row['ratio']:>7.1%} of {row['reference']}"
        f"   p50 {row['p50_ms']:.2f} ms  p99 {row['p99_ms']:.2f} ms\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
