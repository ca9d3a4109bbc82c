"""`aetherius subscriptions`: side effects of the log that replicas share: where they stand, and what was given up until somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from aetherius.cli.folder import DEFAULT, DataFolder, DataOption
from aetherius.cli.log_address import DsnOption, log_address, own_sealing
from aetherius.cli.missing import explained
from aetherius.cli.output import Output, OutputOption, show

if TYPE_CHECKING:
    from aetherius.readers.deliveries import Deliveries

app = typer.Typer(help="Side effects that replicas share: where they stand, what is parked.", no_args_is_help=True)
T = TypeVar("T")

NameArgument = Annotated[str, typer.Argument(metavar="[SUBSCRIPTION]", help="Only of this one, as `list` shows it.")]
SubscriptionArgument = Annotated[str, typer.Argument(metavar="SUBSCRIPTION", help="As `list` shows it.")]
PositionsArgument = Annotated[list[int] | None, typer.Argument(metavar="[POSITION]...", help="As `parked` shows them.")]


@app.command("list")
def list_(data: DataOption = DEFAULT, dsn: DsnOption = "", output: OutputOption = Output.TABLE) -> None:
    """Every subscription: its position in the log, its lag, and what waits, is tried again, or is parked."""
    address = log_address(dsn, data)
    standing = _ask(address, lambda deliveries: deliveries.backlogs())
    head = _head(address)
    rows = [
        {
            "subscription": each.name,
            "position": each.position,
            "lag": max(0, head - each.position),
            "waiting": each.waiting,
            "retrying": each.retrying,
            "parked": each.parked,
            "oldest": each.oldest,
        }
        for each in standing
    ]
    show(rows, output)


@app.command()
def parked(
    subscription: NameArgument = "",
    dropped: Annotated[bool, typer.Option("--dropped", help="Instead, what was dropped, and why.")] = False,
    data: DataOption = DEFAULT,
    dsn: DsnOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Events that were given up: position, type, key, error, and how many events of the same key wait behind each."""
    address = log_address(dsn, data)
    if dropped:
        gone = _ask(address, lambda deliveries: deliveries.dropped(subscription))
        show([_row(each) for each in gone], output)
        return
    found = _ask(address, lambda deliveries: deliveries.parked(subscription))
    types = _types(address, DataFolder.at(data), [each.position for each in found])
    show([{**_row(each), "type": types.get(each.position, "?")} for each in found], output)


@app.command()
def retry(
    subscription: NameArgument = "",
    positions: PositionsArgument = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All that is parked (of the subscription, if given).")
    ] = False,
    data: DataOption = DEFAULT,
    dsn: DsnOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Deliver parked events, and what waits behind them, from now on."""
    if bool(positions) == everything or (positions and not subscription):
        typer.secho("give a subscription and positions, or --all", fg="red", err=True)
        raise typer.Exit(2)

    def chosen(deliveries: Deliveries) -> list[tuple[str, int]]:
        if positions:
            return [(subscription, position) for position in positions]
        return [(each.subscription, each.position) for each in deliveries.parked(subscription)]

    _each(log_address(dsn, data), chosen, lambda deliveries, name, at: deliveries.retry(name, at), "retried", output)


@app.command()
def drop(
    subscription: SubscriptionArgument,
    positions: PositionsArgument = None,
    reason: Annotated[str, typer.Option(help="Why; kept, and shown by `parked --dropped`.")] = "",
    data: DataOption = DEFAULT,
    dsn: DsnOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Never deliver parked events; what waits behind them goes on."""
    if not positions or not reason.strip():
        typer.secho("give positions, and --reason", fg="red", err=True)
        raise typer.Exit(2)
    _each(
        log_address(dsn, data),
        lambda _: [(subscription, position) for position in positions],
        lambda deliveries, name, at: deliveries.drop(name, at, reason.strip()),
        "dropped",
        output,
    )


def _each(
    address: str,
    chosen: Callable[[Deliveries], list[tuple[str, int]]],
    act: Callable[[Deliveries, str, int], None],
    word: str,
    output: Output,
) -> None:
    """Do it for one after the other; what cannot be done is told, and the others go on. Exits with 1 then."""

    def run(deliveries: Deliveries) -> list[dict[str, Any]]:
        from aetherius.readers.errors import NotParkedError

        rows: list[dict[str, Any]] = []
        for name, position in chosen(deliveries):
            try:
                act(deliveries, name, position)
                result = word
            except NotParkedError as exc:
                result = str(exc)
            rows.append({"subscription": name, "position": position, "result": result})
        return rows

    rows = _ask(address, run)
    show(rows, output)
    if any(row["result"] != word for row in rows):
        raise typer.Exit(1)


def _ask(address: str, question: Callable[[Deliveries], T]) -> T:
    with _told():
        from aetherius.readers.deliveries import Deliveries

        with Deliveries(address, pool_size=1) as deliveries:
            return question(deliveries)


def _head(address: str) -> int:
    with _told():
        from aetherius.event_store.log import Log

        with Log(address, pool_size=1) as log:
            return log.head()


@contextmanager
def _told() -> Iterator[None]:
    """Say in words, and with exit code 75, that PostgreSQL does not answer."""
    with explained():
        from aetherius.domain.errors import InfrastructureError

        try:
            yield
        except InfrastructureError as exc:
            typer.secho(str(exc), fg="red", err=True)
            raise typer.Exit(75) from exc


def _types(address: str, folder: DataFolder, positions: list[int]) -> dict[int, str]:
    """The types of the events at some positions, as far as they can be read with the keys that are here."""
    from aetherius.domain.errors import AetheriusError
    from aetherius.event_store.log import Log

    try:
        with Log(address, pool_size=1, sealing=own_sealing(folder)) as log:
            return {each.position: each.event.type_name for each in log.at(positions)}
    except AetheriusError:
        return {}


def _row(each: Any) -> dict[str, Any]:
    import msgspec

    return msgspec.structs.asdict(each)
