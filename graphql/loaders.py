"""Loaders: the rows that nested fields ask for one by one are fetched together, one statement for each kind of question and moment."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Any
from uuid import UUID

from strawberry.dataloader import DataLoader

from aetherius.projections.queries import Found, ReadModels
from aetherius.projections.read_model import R, ReadModel

RELATED = 100
"""Related rows shown at most; the root lists page through all."""
_KEPT = 64


class Loaders:
    """Of one request, or of one WebSocket: hence no cache, which would grow old there."""

    def __init__(self, models: ReadModels) -> None:
        self._models = models
        self._loaders: OrderedDict[Hashable, DataLoader[Any, Any]] = OrderedDict()

    async def row(self, model: ReadModel[R], id: UUID, as_of: int | None) -> Found[R] | None:
        """The row of an id."""

        async def load(ids: list[UUID]) -> list[Found[R] | None]:
            rows = await self._models.rows(model, ids, as_of=as_of)
            return [rows.get(id) for id in ids]

        found: Found[R] | None = await self._loader((model.name, as_of), load).load(id)
        return found

    async def related(self, model: ReadModel[R], column: str, value: Any, as_of: int | None) -> Sequence[Found[R]]:
        """The rows that have a value in a column, newest first."""

        async def load(values: list[Any]) -> list[list[Found[R]]]:
            groups = await self._models.related(model, column, values, as_of=as_of, limit=RELATED)
            return [groups[value] for value in values]

        found: list[Found[R]] = await self._loader((model.name, column, as_of), load).load(value)
        return found

    def _loader(self, key: Hashable, load: Any) -> DataLoader[Any, Any]:
        loader = self._loaders.pop(key, None) or DataLoader(load_fn=load, cache=False, max_batch_size=500)
        self._loaders[key] = loader
        if len(self._loaders) > _KEPT:
            self._loaders.popitem(last=False)
        return loader
