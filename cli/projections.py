"""`aetherius projections`: where readers of the log stand, pausing and resuming them; building read models again, verifying and compacting them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aetherius.cli import search_index
from aetherius.cli.folder import DEFAULT, DataFolder, DataOption
from aetherius.cli.log_address import DsnOption, log_address, own_sealing
from aetherius.cli.missing import explained
from aetherius.cli.output import Output, OutputOption, show, show_one
from aetherius.cli.progress import progress

if TYPE_CHECKING:
    from aetherius.event_store.log import Log
    from aetherius.projections.search.verifying import VerifiedIndex
    from aetherius.projections.verification import Verified
    from aetherius.readers.reader_standing import ReaderStanding

app = typer.Typer(
    help="Readers of the log: read models and process managers. Where they stand; pause, resume, rebuild, verify, compact.",
    no_args_is_help=True,
)
Name = Annotated[str, typer.Argument(help="Of a reader, as `list` shows it.")]
ModelName = Annotated[str, typer.Argument(help="Of a read model, as `list` shows it.")]
VerifiableName = Annotated[str, typer.Argument(help="Of a read model, or `search`: the search index.")]
SEARCH = "search"
"""The search index stands among the readers by this name; `aetherius search-index` has more of it."""


@app.command("list")
def list_readers(data: DataOption = DEFAULT, dsn: DsnOption = "", output: OutputOption = Output.TABLE) -> None:
    """Name, position, lag and status of each reader. Lag is in positions of the log, and in seconds: the age of the first event that is not in it."""
    with _told():
        rows = [_line(each) for each in _standing(log_address(dsn, data))]
    show(rows, output)


@app.command("show")
def show_reader(
    name: Name, data: DataOption = DEFAULT, dsn: DsnOption = "", output: OutputOption = Output.TABLE
) -> None:
    """All that is known of one reader: with the event that it is parked at, and the error."""
    import msgspec

    with _told():
        from aetherius.readers.errors import UnknownReaderError

        known = {each.name: each for each in _standing(log_address(dsn, data))}
        if name not in known:
            raise UnknownReaderError(name, list(known))
        found = msgspec.structs.asdict(known[name])
    show_one(found, output)


@app.command()
def pause(name: Name, data: DataOption = DEFAULT, dsn: DsnOption = "") -> None:
    """Have a reader stand still until it is resumed, also over restarts. It obeys within a second, after the batch under way."""
    with _told():
        from aetherius.readers import reader_standing

        reader_standing.pause(log_address(dsn, data), name)
    typer.echo(f"{name} is paused")


@app.command()
def resume(name: Name, data: DataOption = DEFAULT, dsn: DsnOption = "") -> None:
    """Have a reader go on: one that was paused, or one that is parked, which tries its event again."""
    with _told():
        from aetherius.readers import reader_standing

        reader_standing.resume(log_address(dsn, data), name)
    typer.echo(f"{name} goes on")


@app.command()
def rebuild(
    name: VerifiableName = "",
    everything: Annotated[bool, typer.Option("--all", help="Every read model, in one pass over the log.")] = False,
    data: DataOption = DEFAULT,
    dsn: DsnOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Build read models again from the first event, beside the ones that serve, and swap when they have caught up. Cut off, it goes on when repeated."""
    if bool(name) == everything:
        typer.secho("give the name of a read model, or --all", fg="red", err=True)
        raise typer.Exit(2)
    if name == SEARCH:
        search_index.rebuild(data, dsn, output)
        return
    with _told(), _log(dsn, data) as (address, log), progress(name or "all read models") as tell:
        from aetherius.projections.models import MODELS
        from aetherius.projections.rebuild import rebuild as rebuild_models

        names = [model.name for model in MODELS] if everything else [name]
        done = rebuild_models(address, *names, log=log, progress=tell)
    show([{"name": each, "position": position} for each, position in done.items()], output)


@app.command()
def verify(
    name: VerifiableName = "",
    data: DataOption = DEFAULT,
    dsn: DsnOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Fold the log once more, beside, and compare row for row, all versions; every read model, and the search index if there is one, if no name is given.
    Exit code 1 if anything differs."""
    if name == SEARCH:
        search_index.verify(data, dsn, output)
        return
    with _told(), _log(dsn, data) as (address, log):
        from aetherius.projections.models import MODELS
        from aetherius.projections.verification import verify as verify_model

        found: list[Verified] = []
        for model in [name] if name else [model.name for model in MODELS]:
            with progress(f"verify {model}") as tell:
                found.append(verify_model(address, model, log=log, progress=tell))
        index = search_index.verified(address, log) if not name and log.checkpoint(SEARCH) else None
    show([*map(_verified, found), *([_verified_index(index)] if index else [])], output)
    differing = [each for each in found if each.count]
    if output is Output.TABLE:
        for each in differing:
            typer.echo()
            show([{each.name: d.id, "version from": d.valid_from, "is": d.how} for d in each.differences], output)
    if differing or (index and index.count):
        raise typer.Exit(1)


@app.command()
def compact(
    name: ModelName,
    before: Annotated[
        str, typer.Option(help="A position of the log, or a time it was recorded at: 2026-11-01T00:00:00Z.")
    ],
    data: DataOption = DEFAULT,
    dsn: DsnOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Remove row versions that were superseded by then. Questions as of an earlier moment fail from now on; a rebuild brings the versions back."""
    with _told(), _log(dsn, data) as (address, log):
        from aetherius.projections.compaction import compact as compact_model

        position = _position(log, before)
        removed = compact_model(address, name, position)
    show([{"name": name, "before": position, "removed": removed}], output)


def _standing(address: str) -> list[ReaderStanding]:
    from aetherius.projections.models import MODELS
    from aetherius.readers.reader_standing import ReaderStanding, standing

    found = standing(address)
    known = {each.name for each in found}
    never = [ReaderStanding(name=model.name, status="unknown", position=0, lag=0, lag_seconds=0.0) for model in MODELS]
    return sorted([*found, *(each for each in never if each.name not in known)], key=lambda each: each.name)


def _line(reader: ReaderStanding) -> dict[str, Any]:
    return {
        "name": reader.name,
        "position": reader.position,
        "lag": reader.lag,
        "lag_seconds": reader.lag_seconds,
        "status": reader.status,
        "parked_at": reader.poison_position,
        "topic": reader.poison_topic,
        "error": reader.error[:200],
    }


def _verified(found: Verified) -> dict[str, Any]:
    line = {"name": found.name, "position": found.position, "versions": found.rows, "differing": found.count}
    return line | {"ids": ", ".join(str(each.id) for each in found.differences[:20])}


def _verified_index(found: VerifiedIndex) -> dict[str, Any]:
    line = {"name": SEARCH, "position": found.position, "versions": found.documents, "differing": found.count}
    return line | {"ids": ", ".join(each.id for each in found.differences[:20])}


def _position(log: Log, before: str) -> int:
    if before.isdecimal():
        return int(before)
    try:
        at = datetime.fromisoformat(before)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        typer.secho(f"--before: {before!r} is neither a position nor a time with its zone", fg="red", err=True)
        raise typer.Exit(2)
    return log.position_at(at)


@contextmanager
def _log(dsn: str, data: Path) -> Iterator[tuple[str, Log]]:
    """The log's address, and the log, with the keys that there are: without them events that are sealed whole cannot be read."""
    from aetherius.event_store.log import Log
    from aetherius.runtime.process import spare_the_collector

    spare_the_collector()
    address = log_address(dsn, data)
    with Log(address, pool_size=2, sealing=own_sealing(DataFolder.at(data))) as log:
        yield address, log


@contextmanager
def _told() -> Iterator[None]:
    """Errors as a sentence: exit code 2 for what was asked wrongly, 75 for what may be tried again, 1 for the rest."""
    with explained():
        from aetherius.domain.errors import AetheriusError, InfrastructureError
        from aetherius.readers.errors import UnknownReaderError

        try:
            yield
        except (LookupError, UnknownReaderError) as exc:
            typer.secho(str(exc.args[0]), fg="red", err=True)
            raise typer.Exit(2) from exc
        except AetheriusError as exc:
            typer.secho(str(exc), fg="red", err=True)
            raise typer.Exit(75 if isinstance(exc, InfrastructureError) else 1) from exc
