"""The API's process: the log, its signal, the read models, the feed, what each room's routes need, and a web server over them."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager

import anyio.to_thread
import uvicorn
from fastapi import FastAPI

from aetherius.access.routes import Reach
from aetherius.access.signing_in import signed_in
from aetherius.access.tokens import Tokens
from aetherius.api.app import create_app
from aetherius.api.rooms import room_routes
from aetherius.api.settings import ApiSettings
from aetherius.event_store.health import health_of
from aetherius.event_store.log import Log
from aetherius.event_store.schema import ROOM as LOG_ROOM
from aetherius.event_store.sealing import sealing_of
from aetherius.event_store.subscription import LogSignal
from aetherius.graphql.context import Services
from aetherius.graphql.feed import Feed
from aetherius.graphql.persisted import PersistedDocuments
from aetherius.graphql.router import Limits
from aetherius.projections.postgres_queries import PostgresReadModels
from aetherius.projections.schema import ROOM as READ_MODELS
from aetherius.runtime.errors import PortTakenError
from aetherius.runtime.health import health_served
from aetherius.runtime.migrations.awaiting import require_once_there
from aetherius.runtime.process import endless

logger = logging.getLogger(__name__)


async def run(
    settings: ApiSettings,
    stop: asyncio.Event,
    ready: Callable[[], None] | None = None,
    on_port: Callable[[int], None] | None = None,
) -> None:
    """Serve until `stop` is set. The tables exist already: `aetherius migrate` makes them.

    Args:
        ready: called once, when requests are taken.
        on_port: called before it with the port, which port 0 leaves to the system.

    Raises:
        TablesMissingError: `aetherius migrate` was not run.
        PortTakenError: another program listens there, or where health is to be told.
        TokensFileError: the file of tokens is missing or malformed.
        DocumentsFolderError: the trusted documents cannot be read.
        CredentialsError: the file of the state's keys cannot be used.
        AnchorUnavailableError: the anchors' bucket is no bucket's URL.
    """
    await require_once_there(settings.postgres_dsn, stop, LOG_ROOM, READ_MODELS)
    tokens, sealing = Tokens.read(settings.tokens_file), sealing_of(settings)
    persisted = PersistedDocuments(settings.graphql_documents_folder, only_trusted=settings.graphql_only_trusted)
    listening = _listen(settings)
    log = Log(settings.postgres_dsn, pool_size=settings.postgres_connections, sealing=sealing)
    try:
        async with (
            LogSignal(settings.postgres_dsn) as signal,
            health_served(settings.health_host, settings.health_port, health_of(log)),
            PostgresReadModels(
                settings.postgres_dsn,
                log,
                pool_size=settings.postgres_connections,
                patience=settings.read_model_patience,
            ) as models,
            AsyncExitStack() as opened,
        ):
            reach = Reach(log, models, signed_in(tokens))
            rooms = [await opened.enter_async_context(routes(reach)) for routes in room_routes(settings)]
            feed = Feed(log, signal, max_followers=settings.graphql_max_subscriptions, idle=settings.heartbeat)
            services = Services(log, models, feed, threads=settings.postgres_connections, heartbeat=settings.heartbeat)
            server = _server(
                settings,
                create_app(services, tokens, rooms, _limits(settings), persisted, settings.cors_origins.split()),
            )
            if on_port:
                on_port(listening.getsockname()[1])
            await _serve(server, listening, feed, stop, ready)
    finally:
        listening.close()
        await anyio.to_thread.run_sync(log.close)


async def _serve(
    server: uvicorn.Server,
    listening: socket.socket,
    feed: Feed,
    stop: asyncio.Event,
    ready: Callable[[], None] | None,
) -> None:
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(endless("feed", feed.run()), name="feed")
        serving = tasks.create_task(server.serve([listening]), name="http")
        stopping = tasks.create_task(stop.wait(), name="stop")
        await _started(server, serving)
        if ready:
            ready()
        await asyncio.wait({stopping, serving}, return_when=asyncio.FIRST_COMPLETED)
        feed.close()
        server.should_exit = True
        await serving
        following.cancel()
        stopping.cancel()


async def _started(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    while not (server.started or serving.done()):  # noqa: ASYNC110  # uvicorn has a flag, and no event
        await asyncio.sleep(0.01)


def _listen(settings: ApiSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.graphql_host else socket.AF_INET
    # The protocol by its number: asyncio turns Nagle's delay (40 ms an answer) off only for sockets that say they are TCP.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.graphql_host, settings.graphql_port))
        listening.listen(512)
    except OSError as exc:
        listening.close()
        raise PortTakenError(settings.graphql_port, "the API") from exc
    return listening


class _Server(uvicorn.Server):
    """Signals belong to the process (`runtime.process`), not to the web server."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield


def _limits(settings: ApiSettings) -> Limits:
    return Limits(settings.graphql_max_depth, settings.graphql_max_cost, settings.graphql_max_body)


def _server(settings: ApiSettings, app: FastAPI) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        ws="websockets-sansio",
        ws_max_size=settings.graphql_max_body,
        timeout_graceful_shutdown=max(1, int(settings.drain_timeout)),
    )
    return _Server(config)
