"""`make bench`: every number in one run, each as a ratio to a limit or a peer of the same run. Also in build/bench.json."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator
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


Row = dict[str, Any]


class Report:
    """What was measured so far, written after each group: a run that is cut short keeps what it has."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self.failed: list[str] = []
        RESULT.parent.mkdir(exist_ok=True)

    def add(self, group: str, measure: Callable[[], Iterable[Row]]) -> None:
        """Measure a group, show its rows and write all; a group that fails is named, and the others are measured all the same."""
        try:
            for row in measure():
                self._rows.append(row)
                _show(row)
        except Exception:  # noqa: BLE001  # a group's edge
            traceback.print_exc()
            self.failed.append(group)
        RESULT.write_text(json.dumps(self._rows, indent=1) + "\n")

    def value(self, name: str) -> float:
        """Of a row that was measured."""
        return float(next(row["value"] for row in self._rows if row["name"] == name))


def main() -> None:
    """Measure, print, and write the result; ends with 1 if a group failed."""
    report = Report()
    report.add("log", _log_rows)
    report.add("ingest", lambda: asyncio.run(ingest.measure(report.value("append.copy"))))
    report.add("path", lambda: asyncio.run(path.measure(report.value("append.copy"))))
    report.add("projections", projections.sustained)
    report.add("subscription", lambda: asyncio.run(subscription.measure()))
    report.add("graphql", graphql_list.measure)
    with growth.GrownLog() as grown:
        report.add("growth", lambda: growth.measure(grown))
        report.add("grown read models", lambda: projections.grown_rows(grown))
    sys.stdout.write(f"written to {RESULT}\n")
    if report.failed:
        sys.exit(f"failed: {', '.join(report.failed)}")


def _log_rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="aetherius-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the server, run as another user by root, must reach its data
        server = EmbeddedPostgres(folder / "postgres")
        try:
            dsn = asyncio.run(server.start())
            yield from (dict(row) for row in append.run(dsn, folder))
            yield from reading.measure(dsn)
            yield from asyncio.run(search.measure(dsn))
        finally:
            asyncio.run(server.stop())


def _show(row: Row) -> None:
    sys.stdout.write(
        f"{row['name']:<26} {row['value']:>10,.0f} {row['unit']}  {row['ratio']:>7.1%} of {row['reference']}"
        f"   p50 {row['p50_ms']:.2f} ms  p99 {row['p99_ms']:.2f} ms\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
