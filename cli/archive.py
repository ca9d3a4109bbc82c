"""`aetherius archive`: old observations out of the database into files, and back for reading."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aetherius.cli.folder import DEFAULT, DataOption
from aetherius.cli.log_address import DsnOption, log_address
from aetherius.cli.missing import explained
from aetherius.cli.output import Output, OutputOption, show

if TYPE_CHECKING:
    from aetherius.event_store.archive.catalogue import ArchivedPartition

app = typer.Typer(help="Old observations in files: archive, check, restore for reading.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="PARTITION", help="As `list` shows it.")]
UrlArgument = Annotated[str, typer.Argument(metavar="URL", help="`file:///folder` or `s3://bucket/folder`.")]


@app.command()
def run(
    place: Annotated[
        str, typer.Option("--to", envvar="AETHERIUS_ARCHIVE", help="`file:///folder` or `s3://bucket/folder`.")
    ],
    retain: Annotated[
        int | None, typer.Option(envvar="AETHERIUS_RETAIN_DAYS", help="Days that observations stay in the database.")
    ] = None,
    accept_age: Annotated[
        float | None,
        typer.Option(
            envvar="AETHERIUS_ACCEPT_AGE", help="Seconds that late events are accepted for, as ingest has it."
        ),
    ] = None,
    data: DataOption = DEFAULT,
    dsn: DsnOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Archive every partition that is older, checked by reading it back. Safe to repeat, and to end at any moment."""
    with _answered():
        from aetherius.agent_manager.settings import AgentManagerSettings as Defaults
        from aetherius.event_store.archive.archiver import Archiver

        days = Defaults.retain_days if retain is None else retain
        accepted = Defaults.accept_age if accept_age is None else accept_age
        with Archiver(log_address(dsn, data), place) as archiver:
            done = archiver.run(days, datetime.now(UTC), accepted_days=accepted / 86400)
    _show(done, output)


@app.command("list")
def list_(data: DataOption = DEFAULT, dsn: DsnOption = "", output: OutputOption = Output.TABLE) -> None:
    """What is archived, where it lies, and what was restored for reading."""
    with _answered():
        found = _catalogue(log_address(dsn, data))
    _show(found, output)


@app.command()
def verify(
    partition: Annotated[str, typer.Argument(metavar="[PARTITION]", help="Only this one.")] = "",
    data: DataOption = DEFAULT,
    dsn: DsnOption = "",
) -> None:
    """Fetch what is archived and compare every event with the ledger; ends with 1 at the first that is damaged."""
    with _answered():
        import psycopg

        from aetherius.event_store.archive import catalogue
        from aetherius.event_store.archive.verification import verify as check

        with psycopg.connect(log_address(dsn, data), autocommit=True, connect_timeout=10) as connection:
            every = [catalogue.one(connection, partition)] if partition else catalogue.archived(connection)
            for each in every:
                typer.echo(f"{each.name}: {check(connection, each)} events, each as it was recorded")


@app.command()
def restore(partition: NameArgument, data: DataOption = DEFAULT, dsn: DsnOption = "") -> None:
    """Load an archived partition into a table again, for reading; nothing can be added to it."""
    with _answered():
        from aetherius.event_store.archive.restoring import restore as load

        done = load(log_address(dsn, data), partition)
    typer.echo(
        f"{done.name}: {done.rows} events are read from their table; `aetherius archive release {done.name}` ends that"
    )


@app.command()
def release(partition: NameArgument, data: DataOption = DEFAULT, dsn: DsnOption = "") -> None:
    """Remove the table of a restored partition: it is read from its file again."""
    with _answered():
        from aetherius.event_store.archive.restoring import release as remove

        done = remove(log_address(dsn, data), partition)
    typer.echo(f"{done.name}: {done.rows} events are read from {done.url}/{done.events_object}")


@app.command()
def moved(old: UrlArgument, new: UrlArgument, data: DataOption = DEFAULT, dsn: DsnOption = "") -> None:
    """Tell the log that all files of one place lie in another now. Copy them first; each is looked for there before anything changes."""
    with _answered():
        import psycopg

        from aetherius.event_store.archive import catalogue
        from aetherius.event_store.archive.place import Place, check_hash

        with psycopg.connect(log_address(dsn, data), autocommit=True, connect_timeout=10) as connection:
            place = Place(new)
            for each in catalogue.archived(connection):
                if each.url == old:
                    check_hash(place, each.events_object, place.hash_of(each.events_object), each.events_sha256)
                    check_hash(place, each.ledger_object, place.hash_of(each.ledger_object), each.ledger_sha256)
            names = catalogue.moved(connection, old, new)
    typer.echo(f"{len(names)} partitions are read from {new}")


def _catalogue(address: str) -> list[ArchivedPartition]:
    import psycopg

    from aetherius.event_store.archive import catalogue

    with psycopg.connect(address, autocommit=True, connect_timeout=10) as connection:
        return catalogue.archived(connection)


@contextmanager
def _answered() -> Iterator[None]:
    """Ends the program with 75 for what may be tried again, 1 for what is wrong."""
    with explained():
        import psycopg

        from aetherius.domain.errors import DomainError, InfrastructureError
        from aetherius.event_store.archive.errors import ArchiveDamagedError
        from aetherius.event_store.errors import LogDamagedError

        try:
            yield
        except (ArchiveDamagedError, LogDamagedError, DomainError) as exc:
            typer.secho(str(exc), fg="red", err=True)
            raise typer.Exit(1) from exc
        except (InfrastructureError, psycopg.OperationalError) as exc:
            typer.secho(str(exc), fg="red", err=True)
            raise typer.Exit(75) from exc
        except psycopg.errors.UndefinedTable as exc:
            typer.secho("there is no log in this database, or one of an older version", fg="red", err=True)
            raise typer.Exit(1) from exc


def _show(partitions: list[ArchivedPartition], output: Output) -> None:
    show([_row(each) for each in partitions], output)


def _row(archived: ArchivedPartition) -> dict[str, Any]:
    partition = archived.partition
    return {
        "partition": archived.name,
        "from": _time(partition.begins),
        "to": _time(partition.ends),
        "events": archived.rows,
        "positions": f"{archived.first_position}-{archived.last_position}",
        "bytes": archived.events_size + archived.ledger_size,
        "place": archived.url,
        "file": archived.events_object,
        "proofs": archived.ledger_object,
        "archived at": _time(archived.archived_at),
        "restored": archived.restored,
    }


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else ""
