"""`aetherius log status`: how large the log is, how fast it grows, how it is divided, and who is behind."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from aetherius.cli.folder import DEFAULT, DataOption
from aetherius.cli.log_address import DsnOption, log_address
from aetherius.cli.missing import explained
from aetherius.cli.output import Output, OutputOption, show, show_one

if TYPE_CHECKING:
    from aetherius.event_store.status import LogStatus
    from aetherius.event_store.upkeep.partitions import Partition


def status(data: DataOption = DEFAULT, dsn: DsnOption = "", output: OutputOption = Output.TABLE) -> None:
    """Size, rate, partitions, archive edge, head, and the lag of every reader."""
    with explained():
        import psycopg

        from aetherius.event_store.status import status as ask

        try:
            with psycopg.connect(log_address(dsn, data), autocommit=True, connect_timeout=10) as connection:
                found = ask(connection)
        except psycopg.OperationalError as exc:
            typer.secho(f"PostgreSQL does not answer: {exc}", fg="red", err=True)
            raise typer.Exit(75) from exc
        except psycopg.errors.UndefinedTable as exc:
            typer.secho(
                "there is no log in this database, or one of an older version: start it first", fg="red", err=True
            )
            raise typer.Exit(1) from exc
    if output is Output.JSON:
        import msgspec

        typer.echo(msgspec.json.encode(_document(found)).decode())
        return
    show_one(_summary(found), output)
    typer.echo()
    show([_partition(each) for each in found.partitions], output)
    if found.readers:
        typer.echo()
        show([{"reader": each.name, "position": each.position, "lag": each.lag} for each in found.readers], output)


def _summary(status: LogStatus) -> dict[str, Any]:
    return {
        "head": status.head,
        "last event": _time(status.last_recorded_at),
        "events/s (1 min)": f"{status.last_minute / 60:.1f}",
        "events/s (1 h)": f"{status.last_hour / 3600:.1f}",
        "size": _size(status.size),
        "observed": _size(status.observed_size),
        "decided": _size(status.decided_size),
        "ledger": _size(status.ledger_size),
        "archived before": _time(status.archive_edge),
        "archived": f"{status.archived_partitions} ({status.archived_events} events, {_size(status.archived_size)})",
    }


def _partition(partition: Partition) -> dict[str, Any]:
    return {
        "partition": partition.name,
        "from": _time(partition.begins),
        "to": _time(partition.ends),
        "rows, about": partition.rows,
        "size": _size(partition.size),
    }


def _document(status: LogStatus) -> dict[str, Any]:
    import msgspec

    document: dict[str, Any] = {**msgspec.structs.asdict(status), "size": status.size}
    document["partitions"] = [
        {"name": each.name, "begins": each.begins, "ends": each.ends, "rows": each.rows, "size": each.size}
        for each in status.partitions
    ]
    return document


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z" if moment else "-"


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 10_000:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.0f} TB"
