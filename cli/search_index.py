"""`aetherius search-index`: building the search index again, comparing it with the log, and the documents that it refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from aetherius.cli.folder import DEFAULT, DataFolder, DataOption
from aetherius.cli.log_address import DsnOption, log_address, own_sealing
from aetherius.cli.missing import explained
from aetherius.cli.output import Output, OutputOption, show
from aetherius.cli.progress import progress

if TYPE_CHECKING:
    from aetherius.event_store.log import Log
    from aetherius.projections.search.opening import SearchServer
    from aetherius.projections.search.rebuilding import Progress
    from aetherius.projections.search.verifying import VerifiedIndex

T = TypeVar("T")

app = typer.Typer(
    help="The search index: build it again, compare it with the log, and see to documents that it refused.",
    no_args_is_help=True,
)


@app.command()
def rebuild(data: DataOption = DEFAULT, dsn: DsnOption = "", output: OutputOption = Output.TABLE) -> None:
    """Make every document again, beside the index that serves, and swap when it has caught up."""
    with _log(dsn, data) as (address, log):
        position = rebuilt(address, log)
    show([{"position": position}], output)


@app.command()
def verify(data: DataOption = DEFAULT, dsn: DsnOption = "", output: OutputOption = Output.TABLE) -> None:
    """Compare the index with a replay of the log, document for document, while it serves. Exit code 1 if anything differs."""
    with _log(dsn, data) as (address, log):
        found = verified(address, log)
    line = {name: getattr(found, name) for name in ("position", "documents", "parked")}
    show([line | {"differing": found.count, "ids": ", ".join(f"{d.id} ({d.how})" for d in found.differences)}], output)
    if found.count:
        raise typer.Exit(1)


@app.command("parked")
def list_parked(data: DataOption = DEFAULT, dsn: DsnOption = "", output: OutputOption = Output.TABLE) -> None:
    """Documents that the index refused, with the reason."""
    import msgspec

    with explained(), told():
        from aetherius.projections.search.parked import parked

        found = parked(log_address(dsn, data))
    show([msgspec.structs.asdict(each) for each in found], output)


@app.command()
def retry(
    ids: Annotated[list[str] | None, typer.Argument(help="Of documents, as `parked` shows them; none: all.")] = None,
    data: DataOption = DEFAULT,
    dsn: DsnOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Make parked documents again and send them. Those that are refused again stay parked: exit code 1."""

    async def done(address: str, log: Log) -> list[Any]:
        from aetherius.cli.search import settings_for
        from aetherius.projections.search import rebuilding
        from aetherius.projections.search.opening import search_server
        from aetherius.projections.search.parked import parked

        wanted = [each for each in parked(address) if not ids or each.document_id in ids]
        async with search_server(settings_for(address)) as server:
            return await rebuilding.retry(address, log, server, wanted)

    with _log(dsn, data) as (address, log):
        refused = asyncio.run(done(address, log))
    show([{"id": each.document.id, "reason": each.reason} for each in refused], output)
    if refused:
        raise typer.Exit(1)


def rebuilt(address: str, log: Log) -> int:
    """Make the index again; the position it came to."""
    from aetherius.projections.search.rebuilding import rebuild as rebuild_index

    return asyncio.run(_with_server(address, lambda server, tell: rebuild_index(address, log, server, tell)))


def verified(address: str, log: Log) -> VerifiedIndex:
    """Compare the index with the log."""
    from aetherius.projections.search.verifying import verify as verify_index

    return asyncio.run(_with_server(address, lambda server, tell: verify_index(address, log, server, tell)))


async def _with_server(address: str, work: Callable[[SearchServer, Progress], Awaitable[T]]) -> T:
    from aetherius.cli.search import settings_for
    from aetherius.projections.search.opening import search_server

    with progress("search index") as tell:
        async with search_server(settings_for(address)) as server:
            return await work(server, tell)


@contextmanager
def _log(dsn: str, data: Path) -> Iterator[tuple[str, Log]]:
    with explained(), told():
        from aetherius.event_store.log import Log

        address = log_address(dsn, data)
        with Log(address, pool_size=2, sealing=own_sealing(DataFolder.at(data))) as log:
            yield address, log


@contextmanager
def told() -> Iterator[None]:
    """Errors as a sentence: exit code 2 for what was asked wrongly, 75 for what may be tried again, 1 for the rest."""
    from aetherius.domain.errors import AetheriusError, InfrastructureError
    from aetherius.projections.errors import InvalidQueryError

    try:
        yield
    except AetheriusError as exc:
        typer.secho(str(exc), fg="red", err=True)
        code = 2 if isinstance(exc, InvalidQueryError) else 75 if isinstance(exc, InfrastructureError) else 1
        raise typer.Exit(code) from exc
