"""The read models there are."""

from __future__ import annotations

from typing import Any, Final

from aetherius.projections.agents import Agents
from aetherius.projections.clusters import Clusters
from aetherius.projections.commands import Commands
from aetherius.projections.events import Events
from aetherius.projections.freezes import Freezes
from aetherius.projections.incidents import Incidents
from aetherius.projections.read_model import ReadModel
from aetherius.projections.remediations import Remediations
from aetherius.projections.workflows import Workflows

AGENTS: Final = Agents()
CLUSTERS: Final = Clusters()
EVENTS: Final = Events()
INCIDENTS: Final = Incidents()
COMMANDS: Final = Commands()
WORKFLOWS: Final = Workflows()
REMEDIATIONS: Final = Remediations()
FREEZES: Final = Freezes()

MODELS: Final[tuple[ReadModel[Any], ...]] = (
    AGENTS,
    CLUSTERS,
    EVENTS,
    INCIDENTS,
    COMMANDS,
    WORKFLOWS,
    REMEDIATIONS,
    FREEZES,
)


def model_named(name: str) -> ReadModel[Any]:
    """The read model of a name.

    Raises:
        LookupError: there is none; the message names those there are.
    """
    for model in MODELS:
        if model.name == name:
            return model
    raise LookupError(f"no read model {name!r}: there are {', '.join(model.name for model in MODELS)}")
