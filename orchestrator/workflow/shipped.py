"""The strategies and workflow definitions that this process runs: those it ships with, and parameters given in the settings."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Final

import msgspec

from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.fault.faults import Faults, shipped_faults
from aetherius.domain.repair.actions import Actions, shipped_actions
from aetherius.domain.strategy import Strategy
from aetherius.domain.wire.command import parse_duration
from aetherius.domain.workflow.definition import WorkflowDefinition
from aetherius.orchestrator.workflow.definition_loader import load
from aetherius.runtime.errors import SettingError

SETTING: Final = "AETHERIUS_WORKFLOW_PARAMETERS"


class ShippedWorkflows:
    """What to run for which symptom."""

    def __init__(
        self,
        sources: Mapping[str, str],
        parameters: Mapping[str, Mapping[str, str]],
        faults: Faults | None = None,
        actions: Actions | None = None,
    ) -> None:
        """Load and check every definition.

        Args:
            sources: YAML by file name.
            parameters: by workflow name: overrides of its parameters (`{"diagnose_lost_node": {"grace": "30s"}}`).
            faults: that strategies are for; all that the program ships with, if None.
            actions: that definitions may name; as above.

        Raises:
            DefinitionError: one breaks a rule.
            SettingError: an override names no parameter of a workflow, or is no duration.
        """
        actions = actions or shipped_actions()
        self._faults = faults or shipped_faults()
        loaded = [load(text, name, actions) for name, text in sources.items()]
        self.sources = {each.name: text for each, text in zip(loaded, sources.values(), strict=True)}
        """YAML by the definition's name."""
        _check({definition.name: definition for definition in loaded}, parameters)
        self.definitions = {definition.name: _with(definition, parameters) for definition in loaded}

    def telling(self, symptom: str) -> frozenset[str]:
        """Reasons of signs for which a diagnosis of a symptom is made once more (`Fault.telling`)."""
        fault = self._faults.of(symptom)
        return fault.telling if fault else frozenset()

    def strategy_for(self, symptom: str) -> tuple[Strategy, WorkflowDefinition] | None:
        """The strategy of a symptom with its workflow; None when there is none."""
        strategy = self._faults.strategy_of(symptom)
        definition = self.definitions.get(strategy.workflow) if strategy else None
        return (strategy, definition) if strategy and definition else None


def _check(definitions: Mapping[str, WorkflowDefinition], parameters: Mapping[str, Mapping[str, str]]) -> None:
    """A wrong override is found at the start, not in the middle of the first workflow that needs it."""
    for workflow, given in parameters.items():
        known = definitions[workflow].parameters if workflow in definitions else {}
        for name, value in given.items():
            if name not in known:
                raise SettingError(SETTING, f"{workflow}.{name} is no parameter of a workflow")
            try:
                parse_duration(value)
            except InvalidMessageError as exc:
                raise SettingError(SETTING, f"{workflow}.{name}: {exc.rule}") from exc


def _with(definition: WorkflowDefinition, parameters: Mapping[str, Mapping[str, str]]) -> WorkflowDefinition:
    given = parameters.get(definition.name, {})
    return msgspec.structs.replace(definition, parameters={**definition.parameters, **given})


def shipped() -> dict[str, str]:
    """The YAML of the definitions that come with the package, by file name."""
    folder = files("aetherius.orchestrator").joinpath("workflows")
    return {each.name: each.read_text() for each in folder.iterdir() if each.name.endswith(".yaml")}
