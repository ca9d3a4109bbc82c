"""`aetherius dead-letters`: messages that broke a rule, looked at, sent again or dropped."""

from __future__ import annotations

import asyncio
import enum
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from aetherius.cli.folder import DEFAULT, DataFolder, DataOption
from aetherius.cli.missing import explained
from aetherius.cli.nats_option import NatsOption, nats_url

if TYPE_CHECKING:
    from aetherius.agent_manager.letters.dead_letter import DeadLetter
    from aetherius.agent_manager.letters.dead_letter_box import DeadLetterBox

app = typer.Typer(help="Messages that broke a rule: list, show, send again, drop.", no_args_is_help=True)
T = TypeVar("T")


class Output(enum.StrEnum):
    """How to print."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("-o", "--output", help="table or json.")]
NumberArgument = Annotated[int, typer.Argument(metavar="N", min=1, help="Its sequence, as `list` shows it.")]
NumbersArgument = Annotated[list[int] | None, typer.Argument(metavar="[N]...", help="Sequences, as `list` shows them.")]
ClusterOption = Annotated[str, typer.Option(help="Only those of this cluster.")]
ReasonOption = Annotated[str, typer.Option(help="Only those whose reason holds this, in any case.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every one that is there now.")]


@app.command("list")
def list_(
    cluster: ClusterOption = "",
    reason: ReasonOption = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the oldest first.")] = 1000,
    output: OutputOption = Output.TABLE,
    data: DataOption = DEFAULT,
    nats: NatsOption = "",
) -> None:
    """What was refused, and why: oldest first."""
    from aetherius.cli import letter_text

    async def collect(box: DeadLetterBox) -> list[DeadLetter]:
        return await box.first(limit, cluster, reason)

    letters = _on_the_box(data, nats, collect)
    if output is Output.JSON:
        typer.echo(json.dumps([letter_text.as_json(letter) for letter in letters], indent=1))
    else:
        letter_text.print_table(letters)


@app.command()
def show(
    number: NumberArgument,
    raw: Annotated[bool, typer.Option("--raw", help="Only the original bytes, for a file or a pipe.")] = False,
    output: OutputOption = Output.TABLE,
    data: DataOption = DEFAULT,
    nats: NatsOption = "",
) -> None:
    """One letter: where it stood, its headers, and its bytes (made safe for a terminal)."""
    from aetherius.cli import letter_text

    if raw and sys.stdout.isatty():
        raise typer.BadParameter(
            "--raw writes bytes as they came, which a terminal may obey: send them to a file or a pipe"
        )
    letter, payload = _on_the_box(data, nats, lambda box: box.letter(number))
    if raw:
        sys.stdout.buffer.write(payload)
    elif output is Output.JSON:
        typer.echo(json.dumps(letter_text.as_json(letter, payload), indent=1))
    else:
        typer.echo(letter_text.as_text(letter, payload))


@app.command()
def replay(
    numbers: NumbersArgument = None,
    every: AllOption = False,
    cluster: ClusterOption = "",
    reason: ReasonOption = "",
    output: OutputOption = Output.TABLE,
    data: DataOption = DEFAULT,
    nats: NatsOption = "",
) -> None:
    """Send the original bytes and headers again, where they came from; each letter goes once the broker has them. What is refused again comes back."""
    chosen = _chosen(numbers, every, cluster, reason)

    async def replay_one(box: DeadLetterBox, number: int) -> None:
        await box.replay(number)

    _for_each(data, nats, chosen, replay_one, "sent again", output)


@app.command()
def drop(
    numbers: NumbersArgument = None,
    every: AllOption = False,
    cluster: ClusterOption = "",
    reason: ReasonOption = "",
    output: OutputOption = Output.TABLE,
    data: DataOption = DEFAULT,
    nats: NatsOption = "",
) -> None:
    """Remove letters for good."""
    chosen = _chosen(numbers, every, cluster, reason)

    async def drop_one(box: DeadLetterBox, number: int) -> None:
        await box.drop(number)

    _for_each(data, nats, chosen, drop_one, "dropped", output)


Chosen = Callable[["DeadLetterBox"], Awaitable[list[int]]]


def _chosen(numbers: list[int] | None, every: bool, cluster: str, reason: str) -> Chosen:
    """The letters that are meant: named one by one, or all, or all of a cluster or with a reason."""
    given = bool(numbers) + bool(every) + bool(cluster or reason)
    if given != 1:
        raise typer.BadParameter("give numbers, or --all, or --cluster and --reason")

    async def choose(box: DeadLetterBox) -> list[int]:
        return numbers or [letter.sequence async for letter in box.letters(cluster, reason)]

    return choose


def _for_each(
    data: DataOption,
    nats: str,
    chosen: Chosen,
    act: Callable[[DeadLetterBox, int], Awaitable[None]],
    done_word: str,
    output: Output,
) -> None:
    """Do it for one after the other; what cannot be done is told, and the others go on. Exits with 1 then."""
    from aetherius.domain.errors import DomainError

    async def run(box: DeadLetterBox) -> tuple[list[int], dict[int, str]]:
        done: list[int] = []
        failed: dict[int, str] = {}
        for number in await chosen(box):
            try:
                await act(box, number)
            except DomainError as exc:
                failed[number] = str(exc)
            else:
                done.append(number)
        return done, failed

    done, failed = _on_the_box(data, nats, run)
    if output is Output.JSON:
        typer.echo(json.dumps({"done": done, "failed": failed}))
    else:
        typer.echo(f"{len(done)} {done_word}")
        for why in failed.values():
            typer.secho(why, fg="red", err=True)
    if failed:
        raise typer.Exit(1)


def _on_the_box(data: DataOption, url: str, ask: Callable[[DeadLetterBox], Awaitable[T]]) -> T:
    """What `ask` returns; in words and with an exit code what it raises."""
    with explained():
        from nats.errors import Error as NatsError

        from aetherius.domain.errors import DomainError, InfrastructureError
        from aetherius.runtime.in_words import in_words

        address = nats_url(url, DataFolder.at(data))

        async def run() -> T:
            async with _box(address) as box:
                return await ask(box)

        try:
            return asyncio.run(run())
        except DomainError as exc:
            typer.secho(str(exc), fg="red", err=True)
            raise typer.Exit(1) from exc
        except (InfrastructureError, NatsError, OSError) as exc:  # TimeoutError is an OSError
            typer.secho(f"NATS does not answer, or does not let us in: {in_words(exc)}", fg="red", err=True)
            raise typer.Exit(75) from None


@asynccontextmanager
async def _box(url: str) -> AsyncIterator[DeadLetterBox]:
    from aetherius.agent_manager.letters.dead_letter_box import DeadLetterBox
    from aetherius.runtime.nats_connection import connect

    async with connect(url, "dead letters", connect_within=5.0) as client:
        yield DeadLetterBox(client.jetstream(timeout=5))
