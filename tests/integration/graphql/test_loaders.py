"""Nested fields ask the database once for each kind of question, however many rows there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from aetherius.access.user import Role, User
from aetherius.event_store.log import Log
from aetherius.event_store.subscription import LogSignal
from aetherius.graphql.context import Context, Services
from aetherius.graphql.feed import Feed
from aetherius.graphql.schema import create_schema
from aetherius.projections import schema
from aetherius.projections.models import MODELS
from aetherius.projections.postgres_queries import PostgresReadModels
from aetherius.projections.queries import Found
from aetherius.projections.read_model import R, ReadModel
from aetherius.projections.versioned_rows import VersionedRows
from aetherius.readers.projecting import Projecting
from aetherius.readers.runner import Runner
from log_history import History

pytestmark = pytest.mark.anyio

QUERY = """{ incidents { edges { node { events { reason }
  workflow { steps { command { output } } commands { status } }
  remediations { incident { status } commands { status } } } } } }"""


class Counting(PostgresReadModels):
    """Counts questions by model and kind."""

    def __init__(self, dsn: str, log: Log) -> None:
        super().__init__(dsn, log)
        self.asked: Counter[str] = Counter()

    async def rows(self, model: ReadModel[R], ids: Sequence[UUID], *, as_of: int | None = None) -> dict[UUID, Found[R]]:
        self.asked[f"{model.name} by id"] += 1
        return await super().rows(model, ids, as_of=as_of)

    async def related(
        self, model: ReadModel[R], column: str, values: Sequence[Any], *, as_of: int | None = None, limit: int
    ) -> dict[Any, list[Found[R]]]:
        self.asked[f"{model.name} by {column}"] += 1
        return await super().related(model, column, values, as_of=as_of, limit=limit)


async def test_a_nested_question_takes_one_statement_a_kind(dsn: str, log: Log, history: History) -> None:
    for _ in range(12):
        history.repaired_incident()
    schema.create(dsn)
    for model in MODELS:
        Runner(log, Projecting(VersionedRows(model)), LogSignal(dsn)).step()
    async with Counting(dsn, log) as models:
        services = Services(log, models, Feed(log, LogSignal(dsn)), threads=2)
        context = Context(services, User("rita", Role.READER))
        answer = await create_schema().execute(QUERY, context_value=context)
    assert answer.errors is None
    assert answer.data
    assert len(answer.data["incidents"]["edges"]) == 12
    assert models.asked.keys() >= {"events by id", "workflows by incident_id", "commands by workflow_id"}
    assert max(models.asked.values()) == 1, models.asked
