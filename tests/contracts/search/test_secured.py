"""The index on an Elasticsearch as in production: TLS, and users who may do no more than docs/operations/search.md asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from aetherius.projections.errors import SearchUnavailableError
from aetherius.projections.search.opening import search_server
from aetherius.projections.search.query import Query
from aetherius.projections.search.settings import SearchSettings
from built_servers import ELASTICSEARCH
from elasticsearch_server import SecuredElasticsearch
from search_oracle import a_document

pytestmark = [pytest.mark.anyio, pytest.mark.elasticsearch]

PREFIX: Final = "shared"
ROLES: Final[dict[str, Any]] = {
    "indexer": {
        "cluster": ["manage_index_templates"],
        "indices": [
            {
                "names": [f"{PREFIX}-*"],
                "privileges": ["create_index", "index", "read", "view_index_metadata", "manage"],
            }
        ],
    },
    "reader": {"indices": [{"names": [f"{PREFIX}-*"], "privileges": ["read"]}]},
}
DOCUMENTS: Final = [a_document("a", 1, "Back-off restarting failed container"), a_document("b", 2, "OOM killed")]


@pytest.fixture(scope="module")
def server(open_folder: Path) -> Iterator[SecuredElasticsearch]:
    ELASTICSEARCH.require()
    server = SecuredElasticsearch(open_folder / "elasticsearch-secured", ROLES)
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture
def secret_file(server: SecuredElasticsearch, tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text(f"{server.password}\n")
    return file


@pytest.fixture
def indexer(server: SecuredElasticsearch, secret_file: Path) -> SearchSettings:
    return settings(server, elasticsearch_user="indexer", elasticsearch_secret_file=secret_file)


def settings(server: SecuredElasticsearch, **given: Any) -> SearchSettings:
    about = {"elasticsearch_url": server.url, "elasticsearch_prefix": PREFIX, "elasticsearch_ca_file": server.ca_file}
    return SearchSettings(postgres_dsn="", **{**about, **given})


async def live(settings: SearchSettings, generation: int) -> None:
    """A generation's whole life: made, filled, put in the place of the one before, which is removed."""
    async with search_server(settings) as server:
        index = server.generations(generation)
        await index.prepare()
        assert await index.mark() == 0
        assert await index.index(DOCUMENTS, 2) == []
        await index.refresh()
        await index.serve()
        assert await index.count() == 2
        await server.generations(generation - 1).drop()


async def found(settings: SearchSettings) -> list[str]:
    async with search_server(settings) as server:
        answer = await server.generations(0).search(Query())
    return [each.id for each in answer.documents]


async def test_a_user_with_the_rights_of_the_manual_keeps_an_index_and_one_who_reads_asks_it(
    server: SecuredElasticsearch, indexer: SearchSettings
) -> None:
    await live(indexer, 2)
    await live(indexer, 3)
    reader = settings(server, elasticsearch_user="reader", elasticsearch_password=server.password)
    assert await found(reader) == ["b", "a"]
    with pytest.raises(SearchUnavailableError, match="security_exception"):
        await live(reader, 4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"elasticsearch_user": "indexer", "elasticsearch_password": "mistaken-word"},
        {"elasticsearch_api_key": "bWlzdGFrZW46d29yZA=="},
    ],
    ids=["password", "API key"],
)
async def test_who_is_not_known_is_refused_and_the_secret_is_not_told(
    server: SecuredElasticsearch, wrong: dict[str, str]
) -> None:
    with pytest.raises(SearchUnavailableError, match=r"unable to authenticate|401") as refused:
        await found(settings(server, **wrong))
    assert not any(secret in str(refused.value) for secret in ("mistaken-word", "bWlzdGFrZW46d29yZA=="))


async def test_a_server_that_nobody_vouches_for_is_not_talked_to(
    server: SecuredElasticsearch, secret_file: Path
) -> None:
    stranger = settings(
        server, elasticsearch_user="indexer", elasticsearch_secret_file=secret_file, elasticsearch_ca_file=None
    )
    with pytest.raises(SearchUnavailableError, match=r"(?i)certificate"):
        await found(stranger)
