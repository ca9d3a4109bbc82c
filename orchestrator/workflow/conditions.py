"""Conditions of decisions, in CEL: type-checked when a definition is loaded, evaluated when the decision is due.

Each name a step binds is declared with its type as a qualified name (`analysis.root_cause` is a string), so that a misspelt name, or a comparison with
another type, is an error at load and not a false at three in the morning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from cel_expr_python import cel

from aetherius.domain.workflow.definition import CommandStep, ReasoningStep, Step
from aetherius.domain.workflow.state import WorkflowState
from aetherius.orchestrator.errors import ConditionError

_ANALYSIS: dict[str, Any] = {
    "root_cause": cel.Type.STRING,
    "confidence": cel.Type.DOUBLE,
    "recommended": cel.Type.List(cel.Type.STRING),
    "summary": cel.Type.STRING,
    "detail": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
}
_COMMAND: dict[str, Any] = {
    "status": cel.Type.STRING,
    "exit_code": cel.Type.INT,
    "output": cel.Type.STRING,
    "error": cel.Type.STRING,
}
_DEFAULTS: dict[str, Any] = {
    "root_cause": "unknown",
    "confidence": 0.0,
    "recommended": [],
    "summary": "",
    "detail": {},
    "status": "failed",
    "exit_code": -1,
    "output": "",
    "error": "",
}
_PLACE = re.compile(r"<input>:\d+:(\d+): (.*)")


def declared(earlier: Iterable[Step]) -> dict[str, Any]:
    """Names and CEL types that these steps bind."""
    names: dict[str, Any] = {}
    for step in earlier:
        if isinstance(step, ReasoningStep):
            names |= {f"{prefix}.{field}": t for prefix in (step.id, "analysis") for field, t in _ANALYSIS.items()}
        elif isinstance(step, CommandStep):
            names |= {f"{step.id}.{field}": t for field, t in _COMMAND.items()}
    return names


def check(expression: str, names: Mapping[str, Any]) -> None:
    """Compile and type-check.

    Raises:
        ConditionError: it does not compile, or is not a yes or no.
    """
    if (kind := _compile(expression, names).return_type()) != cel.Type.BOOL:
        raise ConditionError(expression, 1, f"gives {kind.name()}, not a yes or no")


def holds(expression: str, names: Mapping[str, Any], bindings: Mapping[str, Any]) -> bool:
    """Whether the condition holds.

    Raises:
        ConditionError: the evaluation broke; CEL hands such an error back as a value, which would pass for true.
    """
    value = _compile(expression, names).eval(data=dict(bindings))
    if value.type() != cel.Type.BOOL:
        raise ConditionError(expression, 1, str(value))
    return bool(value.value())


def bindings(state: WorkflowState, earlier: Iterable[Step]) -> dict[str, Any]:
    """Values of the declared names; a step that failed or was skipped binds the neutral value of each name (`unknown`, 0, empty), and why
    as its `error`."""
    values: dict[str, Any] = {}
    for step in earlier:
        fields = _ANALYSIS if isinstance(step, ReasoningStep) else _COMMAND if isinstance(step, CommandStep) else {}
        known = {"error": state.step(step.id).error, **state.step(step.id).output}
        bound = {field: known.get(field, _DEFAULTS[field]) for field in fields}
        values |= {f"{step.id}.{field}": value for field, value in bound.items()}
        if isinstance(step, ReasoningStep):
            values |= {f"analysis.{field}": value for field, value in bound.items()}
    return values


def _compile(expression: str, names: Mapping[str, Any]) -> Any:
    try:
        return cel.NewEnv(variables=dict(names)).compile(expression)
    except RuntimeError as exc:  # the library has no error type of its own
        place = _PLACE.search(str(exc))
        column, rule = (int(place[1]), place[2]) if place else (1, str(exc))
        raise ConditionError(expression, column, rule) from exc
