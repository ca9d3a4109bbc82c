"""Declarations of read models: consistent in themselves, and with their filters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from aetherius.domain.agent import AgentStatus
from aetherius.projections.agents import AgentFilter, AgentRow
from aetherius.projections.clusters import ClusterFilter
from aetherius.projections.commands import CommandFilter
from aetherius.projections.events import EventFilter
from aetherius.projections.freezes import FreezeFilter
from aetherius.projections.incidents import IncidentFilter
from aetherius.projections.models import MODELS, model_named
from aetherius.projections.read_model import Filter, ReadModel, matches, split_bound
from aetherius.projections.remediations import RemediationFilter
from aetherius.projections.workflows import WorkflowFilter

FILTERS: dict[str, type[Filter]] = {
    "agents": AgentFilter,
    "clusters": ClusterFilter,
    "events": EventFilter,
    "incidents": IncidentFilter,
    "commands": CommandFilter,
    "workflows": WorkflowFilter,
    "remediations": RemediationFilter,
    "freezes": FreezeFilter,
}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_columns_are_fields_of_the_row_and_filters_ask_for_columns(model: ReadModel[Any]) -> None:
    assert set(model.columns) <= set(model.row.__struct_fields__)
    assert {split_bound(field)[0] for field in FILTERS[model.name].__struct_fields__} <= set(model.columns)


def test_an_unknown_model_is_named_with_those_there_are() -> None:
    with pytest.raises(LookupError, match=r"'nothing'.*incidents"):
        model_named("nothing")


NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_filter_holds_when_each_condition_does() -> None:
    row = AgentRow(
        id=UUID(int=1),
        agent_id="a1",
        cluster_id="berlin",
        status=AgentStatus.ONLINE,
        epoch=1,
        agent_version="1",
        kubernetes_version="1.37",
        capabilities=[],
        registered_at=NOON,
        updated_at=NOON,
        version=1,
    )
    assert matches(AgentFilter(), row)
    assert matches(AgentFilter(cluster_id="berlin", status=[AgentStatus.OFFLINE, AgentStatus.ONLINE]), row)
    assert not matches(AgentFilter(cluster_id="oslo", status=[AgentStatus.ONLINE]), row)
    assert not matches(AgentFilter(status=[]), row)
