"""Which search server there is, by the settings: Elasticsearch if it has an address, PostgreSQL's full text otherwise."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from elasticsearch import AsyncElasticsearch

from aetherius.projections.search.elasticsearch import ElasticsearchIndex
from aetherius.projections.search.indexer import Generations
from aetherius.projections.search.postgres import PostgresIndex, pool_of
from aetherius.projections.search.settings import SearchSettings
from aetherius.runtime.errors import CredentialsError, SettingError
from aetherius.runtime.settings.settings import PREFIX

REQUEST_TIMEOUT: Final = 30.0
"""Seconds for a request: a bulk of 8 MB on a busy server takes some."""


class SearchServer(msgspec.Struct, frozen=True):
    """An open one."""

    backend: str
    """Its kind, which names its generations; a cluster and prefix of its own for Elasticsearch."""
    generations: Generations


@asynccontextmanager
async def search_server(settings: SearchSettings) -> AsyncIterator[SearchServer]:
    """The search server, inside the block. Nothing is asked of it yet.

    Raises:
        SettingError: the settings contradict each other.
        CredentialsError: the secret's file cannot be read.
    """
    if not settings.elasticsearch_url:
        async with pool_of(settings.postgres_dsn) as pool:
            yield SearchServer("postgres", lambda generation: PostgresIndex(pool, generation))
        return
    logging.getLogger("elastic_transport").setLevel(logging.WARNING)  # it tells of every request
    prefix = settings.elasticsearch_prefix
    async with AsyncElasticsearch(settings.elasticsearch_url, **_options(settings)) as client:
        yield SearchServer(f"elasticsearch:{prefix}", lambda generation: ElasticsearchIndex(client, prefix, generation))


def _options(settings: SearchSettings) -> dict[str, Any]:
    options: dict[str, Any] = {"request_timeout": REQUEST_TIMEOUT, "max_retries": 0, "http_compress": False}
    secret = _secret(settings)
    if settings.elasticsearch_user:
        if not secret:
            raise SettingError(f"{PREFIX}ELASTICSEARCH_PASSWORD", "is not set, but a user is")
        options["basic_auth"] = (settings.elasticsearch_user, secret)
    elif secret:
        options["api_key"] = secret
    if settings.elasticsearch_ca_file:
        options["ca_certs"] = str(settings.elasticsearch_ca_file)
    return options


def _secret(settings: SearchSettings) -> str:
    given = settings.elasticsearch_password if settings.elasticsearch_user else settings.elasticsearch_api_key
    file = settings.elasticsearch_secret_file
    if given or not file:
        return given
    try:
        return file.read_text().strip()
    except OSError as exc:
        raise CredentialsError(file, str(exc.strerror)) from exc
