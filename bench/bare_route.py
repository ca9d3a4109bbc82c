"""The reference of `graphql.list`: a FastAPI route with nothing around it, the same SELECT, printed by orjson. `bare_route.py DSN PORT`."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import uvicorn
from fastapi import FastAPI, Request, Response
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

_SELECT = """SELECT id AS "streamId", valid_from AS "changedAtPosition", cluster_id AS "clusterId", namespace, severity, reason, kind, name, node,
occurred_at AS "occurredAt" FROM read_models.events WHERE cluster_id = %s AND valid_to IS NULL ORDER BY created DESC LIMIT 50"""


def app(dsn: str) -> FastAPI:
    """The application."""
    pool = AsyncConnectionPool(dsn, kwargs={"autocommit": True, "row_factory": dict_row}, max_size=8, open=False)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with pool:
            yield

    made = FastAPI(lifespan=lifespan)

    @made.post("/graphql")
    async def rows(request: Request) -> Response:
        cluster = orjson.loads(await request.body())["variables"]["c"]
        async with pool.connection() as connection:
            found = await (await connection.execute(_SELECT, (cluster,), prepare=True)).fetchall()
        return Response(orjson.dumps({"rows": found}), media_type="application/json")

    return made


if __name__ == "__main__":
    uvicorn.run(
        app(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), loop="uvloop", access_log=False, log_level="warning"
    )
