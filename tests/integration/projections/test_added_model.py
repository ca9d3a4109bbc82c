"""The read model that the documentation shows, taken from there: one file, and everything else follows."""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest

from aetherius.domain.agent import GapDetected
from aetherius.domain.event import Cause
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending
from aetherius.event_store.subscription import LogSignal
from aetherius.projections import models, rebuild, schema, verification
from aetherius.projections.postgres_queries import PostgresReadModels
from aetherius.projections.read_model import Filter, ReadModel
from aetherius.projections.versioned_rows import VersionedRows
from aetherius.readers.projecting import Projecting
from aetherius.readers.runner import Runner
from log_history import NOON

PAGE = Path(__file__).parents[3] / "docs" / "projections.md"
AGENT = UUID(int=7)


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The page's file as a module, and its line in `models.py`."""
    (source,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    module = ModuleType("gaps_of_the_page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(source, str(PAGE), "exec"), module.__dict__)  # our own documentation
    everything = (*models.MODELS, module.Gaps())
    for user in (models, schema):
        monkeypatch.setattr(user, "MODELS", everything)
    return module


@pytest.mark.anyio
async def test_the_read_model_of_the_page_works_as_it_stands(dsn: str, log: Log, added: ModuleType) -> None:
    schema.create(dsn)
    model: ReadModel[Any] = models.model_named("gaps")
    for number, last in enumerate((1, 4, 2)):
        at = NOON + timedelta(minutes=number)
        event = GapDetected(cluster_id="berlin", epoch=1, first=1, last=last)
        log.append([Pending(AGENT, number + 1, event, at, Cause(actor="system:test"))])
    runner = Runner(log, Projecting(VersionedRows(model)), LogSignal(dsn), max_batch=2)
    while runner.step() is not None:
        pass
    assert not runner.state.error

    async with PostgresReadModels(dsn, log) as lists:

        async def missed(filter: Filter, position: int | None = None) -> list[int]:
            page = await lists.page(model, filter, first=10, as_of=position)
            return [found.row.missed for found in page.found]

        assert await missed(added.GapFilter()) == [7]
        assert [await missed(added.GapFilter(), position) for position in (0, 1, 2, 3)] == [[], [1], [5], [7]]
        assert await missed(added.GapFilter(cluster_id="oslo")) == []
        assert await missed(added.GapFilter(last_gap_at_since=NOON + timedelta(minutes=2))) == [7]
        assert not verification.verify(dsn, "gaps", log=log).count
        assert rebuild.rebuild(dsn, "gaps", log=log) == {"gaps": 3}
        assert await missed(added.GapFilter(), 2) == [5]
