"""`aetherius search`: finds observations, incidents and audit events by words, from the command line."""

from __future__ import annotations

import asyncio
import os
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aetherius.cli.folder import DEFAULT, DataOption
from aetherius.cli.log_address import DsnOption, log_address
from aetherius.cli.missing import explained
from aetherius.cli.output import Output, OutputOption, show

if TYPE_CHECKING:
    from aetherius.projections.search.index import Answer
    from aetherius.projections.search.query import Query
    from aetherius.projections.settings import ProjectionsSettings

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def search(
    text: Annotated[str, typer.Argument(help="Words to find; empty: all.")] = "",
    since: Annotated[str, typer.Option(help="A time with its zone, or how long ago: 30m, 2h, 7d.")] = "",
    until: Annotated[str, typer.Option(help="The same; what was then is left out.")] = "",
    match: Annotated[str, typer.Option(help="all | any | phrase | prefix")] = "all",
    where: Annotated[list[str] | None, typer.Option(help="field=value, as often as needed: cluster_id=north.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
    data: DataOption = DEFAULT,
    dsn: DsnOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Find observations, incidents and events of the audit trail, newest first."""
    from aetherius.cli.search_index import told

    with explained(), told():
        query = _query(text, match, where or [], since, until, limit)
        answer = asyncio.run(_answer(settings_for(log_address(dsn, data)), query))
    show([_line(each, output) for each in answer], output)


def settings_for(dsn: str) -> ProjectionsSettings:
    """Where the index is, by the environment. Raises ``SettingError``."""
    from aetherius.projections.settings import ProjectionsSettings

    return ProjectionsSettings.from_environment({**os.environ, "AETHERIUS_POSTGRES_DSN": dsn})


def _query(text: str, match: str, where: list[str], since: str, until: str, limit: int) -> Query:
    import msgspec

    from aetherius.projections.search.query import query_of

    fields: dict[str, list[str]] = {}
    for each in where:
        name, sign, value = each.partition("=")
        if not sign:
            raise typer.BadParameter(f"--where: {each!r} is not field=value")
        fields.setdefault(name, []).append(value)
    bounds = {"gte": _moment("--since", since), "lt": _moment("--until", until)}
    question: dict[str, Any] = {
        "filter": fields,
        "limit": limit,
        "range": {"occurred_at": {name: at for name, at in bounds.items() if at}},
    }
    if text:
        question["text"] = {"query": text, "match": match}
    return query_of(msgspec.json.encode(question))


def _moment(option: str, text: str) -> datetime | None:
    if not text:
        return None
    if ago := re.fullmatch(r"(\d{1,6})([smhd])", text):
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime.min
    if at.tzinfo is None:
        raise typer.BadParameter(f"{option}: {text!r} is neither a time with its zone nor a duration as 2h")
    return at


async def _answer(settings: ProjectionsSettings, query: Query) -> list[Any]:
    from aetherius.projections.search.opening import search_server

    async with search_server(settings) as server:
        answer: Answer = await server.generations(0).search(query)
        return answer.documents


def _line(document: Any, output: Output) -> dict[str, Any]:
    at = datetime.fromtimestamp(document.occurred_at / 1000, UTC)
    if output is Output.JSON:
        import msgspec

        found: dict[str, Any] = msgspec.to_builtins(document)
        found.pop("text", None)
        return found | {"occurred_at": at.isoformat()}
    return {
        "occurred": f"{at:%Y-%m-%d %H:%M:%S}",
        "kind": document.kind.value,
        "cluster": document.cluster_id,
        "type": document.reason or document.type,
        "object": f"{document.namespace}/{document.object_name}" if document.object_name else "",
        "message": document.message[:120],
        "id": document.id,
    }
