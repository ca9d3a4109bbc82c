"""A command's output from the agent to a reader's screen: shown there, and in no table on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from aetherius.access.tokens import write_tokens
from aetherius.access.user import Role, User
from aetherius.api import service as api_service
from aetherius.api.settings import ApiSettings
from aetherius.domain.command import CommandStatus
from aetherius.domain.keyring import is_sealed
from aetherius.projections import service as projections_service
from aetherius.projections.settings import ProjectionsSettings
from graphql_client import OPERATOR, READER, GraphQLClient
from manager_site import Site
from sealed_state import KEYS_TEXT
from table_search import tables_with

pytestmark = pytest.mark.anyio
MARKER = "SECRETMARKER"
OUTPUTS = "query($p: Position!) { commands(asOf: {position: $p}) { edges { node { status output error } } } }"
HISTORY = "query($id: UUID!) { history(streamId: $id) { entry { type event } } }"


@asynccontextmanager
async def api(site: Site, tokens: Path, keys: str) -> AsyncIterator[GraphQLClient]:
    """The read models and their API, with these keys; the reader may see no secrets, the operator may."""
    users = {READER: User("rita", Role.READER, secrets=False), OPERATOR: User("otto", Role.OPERATOR)}
    write_tokens(tokens, users)
    settings = ApiSettings(site.dsn, tokens, state_keys=keys, graphql_port=0)
    stop, ready, ports = asyncio.Event(), asyncio.Event(), list[int]()
    async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
        tasks.create_task(projections_service.run(ProjectionsSettings(site.dsn), stop))
        tasks.create_task(api_service.run(settings, stop, ready.set, ports.append))
        await ready.wait()
        async with httpx2.AsyncClient(timeout=120) as http:
            yield GraphQLClient(http, ports[0], OPERATOR)
        stop.set()


async def test_an_output_is_shown_to_who_may_see_it_and_stored_sealed(site: Site, tmp_path: Path) -> None:
    async with site.manager():
        command = site.issue()
        await site.answer(command, output=MARKER)
        await site.until(lambda: site.status(command) is CommandStatus.SUCCEEDED)
    position = site.log.head()
    async with api(site, tmp_path / "tokens.json", KEYS_TEXT) as client:
        data = await client.ask(OUTPUTS, p=position)
        assert [edge["node"]["output"] for edge in data["commands"]["edges"]] == [MARKER]
        hidden = await client.as_(READER).ask(OUTPUTS, p=position)
        history = (await client.ask(HISTORY, id=str(command)))["history"]
    assert "hidden" in hidden["commands"]["edges"][0]["node"]["output"]
    assert is_sealed(history[-1]["entry"]["event"]["output"])  # as it is stored
    assert tables_with(site.dsn, "kubectl") >= {"aetherius.decided", "read_models.commands"}
    assert tables_with(site.dsn, MARKER) == set()


async def test_with_another_key_only_the_output_is_missing(site: Site, tmp_path: Path) -> None:
    async with site.manager():
        command = site.issue()
        await site.answer(command, output=MARKER)
        await site.until(lambda: site.status(command) is CommandStatus.SUCCEEDED)
    other = KEYS_TEXT.replace("test:", "other:")
    async with api(site, tmp_path / "tokens.json", other) as client:
        (edge,) = (await client.ask(OUTPUTS, p=site.log.head()))["commands"]["edges"]
    assert edge["node"]["status"] == "SUCCEEDED"
    assert edge["node"]["output"] == "[unavailable: sealed with key test, which is not in the keyring]"
