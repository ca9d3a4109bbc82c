"""Workflow definitions from YAML: every error names file, line, column and rule; what loads, runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, SingleQuotedScalarString

from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.repair.action import TOOL
from aetherius.domain.repair.actions import Actions, shipped_actions
from aetherius.domain.wire.command import MAX_TIMEOUT, parse_duration
from aetherius.domain.workflow.definition import (
    ActionStep,
    CommandStep,
    Condition,
    DecisionStep,
    ReasoningStep,
    Retry,
    Step,
    WaitStep,
    WorkflowDefinition,
)
from aetherius.orchestrator.errors import ConditionError, DefinitionError
from aetherius.orchestrator.workflow import conditions

_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_RESERVED = frozenset({"analysis"})
_LATER = frozenset({"parallel", "for_each", "repeat", "approval", "sub_workflow"})
PLACEHOLDERS = {"{name}": "x", "{pod}": "x", "{container}": "x", "{node}": "x", "{kind}": "Deployment"}
"""What parameters of a command may say of the incident's object; filled in when the command is issued."""


class _Source(msgspec.Struct, frozen=True):
    """The document: what errors call it, and the typed actions that it may name."""

    name: str
    actions: Actions


class _Node:
    """A place in the document: the value, and where it stands."""

    def __init__(self, source: _Source, value: Any, line: int, column: int) -> None:
        self.source, self.value, self.line, self.column = source, value, line, column

    def error(self, rule: str, *, shift: int = 0) -> DefinitionError:
        return DefinitionError(self.source.name, self.line + 1, self.column + 1 + shift, rule)

    def mapping(self, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, _Node]:
        if not isinstance(self.value, CommentedMap):
            raise self.error("a mapping is expected here")
        if self.value.merge:
            raise self.error("merge keys ('<<') are not known here")
        for key in self.value:
            if key not in required + optional:
                line, column = self.value.lc.key(key)
                raise _Node(self.source, key, line, column).error(f"{key!r} is not known here")
        for key in required:
            if key not in self.value:
                raise self.error(f"{key!r} is missing")
        return {key: _Node(self.source, value, *self.value.lc.value(key)) for key, value in self.value.items()}

    def any_mapping(self) -> dict[str, _Node]:
        """With whatever names there are."""
        names = tuple(self.value) if isinstance(self.value, CommentedMap) else ()
        if any(not isinstance(name, str) for name in names):
            raise self.error("every name here is a text")
        return self.mapping((), names)

    def sequence(self) -> list[_Node]:
        if not isinstance(self.value, CommentedSeq):
            raise self.error("a list is expected here")
        return [_Node(self.source, value, *self.value.lc.item(i)) for i, value in enumerate(self.value)]

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.error("a text is expected here")
        return str(self.value)

    def identifier(self) -> str:
        if not _IDENTIFIER.fullmatch(self.text()):
            raise self.error(f"{self.value!r} is not a name (a-z, 0-9, _, at most 63)")
        return self.text()

    def seconds(self) -> float:
        try:
            return parse_duration(self.text())
        except InvalidMessageError as exc:
            raise self.error(exc.rule) from exc

    def plain(self) -> Any:
        """The value without the parser's own types, which remember how they were written."""
        match self.value:
            case None | bool():
                return self.value
            case str():
                return str(self.value)
            case float():
                return float(self.value)
            case int() if abs(self.value) < 1 << 63:
                return int(self.value)
            case CommentedSeq():
                return [each.plain() for each in self.sequence()]
            case CommentedMap():
                return {key: each.plain() for key, each in self.any_mapping().items()}
            case _:
                raise self.error("a text, number, list or mapping is expected here")

    def whole(self, low: int, high: int) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool) or not low <= self.value <= high:
            raise self.error(f"a whole number from {low} to {high} is expected here")
        return int(self.value)


def load(text: str, source: str = "workflow.yaml", actions: Actions | None = None) -> WorkflowDefinition:
    """The definition in a YAML text. `actions`: those that it may name; all that the program ships with, if None.

    Raises:
        DefinitionError: it breaks a rule; names the place.
    """
    top = _parse(text, _Source(source, actions or shipped_actions())).mapping(("workflow",))
    body = top["workflow"].mapping(("name", "trigger", "steps"), ("parameters",))
    parameters = _parameters(body.get("parameters"))
    return WorkflowDefinition(
        name=body["name"].identifier(),
        triggers=_triggers(body["trigger"]),
        steps=_steps(body["steps"], parameters),
        parameters=parameters,
    )


def _parse(text: str, source: _Source) -> _Node:
    try:
        yaml = YAML(typ="rt")
        yaml.preserve_quotes = True  # so that a place inside a quoted expression is counted right
        return _Node(source, yaml.load(text), 0, 0)
    except MarkedYAMLError as exc:
        mark = exc.problem_mark
        raise DefinitionError(source.name, mark.line + 1, mark.column + 1, str(exc.problem)) from exc
    except YAMLError as exc:  # a character that no YAML may hold
        before = text[: getattr(exc, "position", 0)]
        column = len(before) - before.rfind("\n")
        raise DefinitionError(source.name, before.count("\n") + 1, column, str(exc).partition("\n")[0]) from exc


def _parameters(node: _Node | None) -> dict[str, str]:
    if node is None:
        return {}
    for value in (values := node.any_mapping()).values():
        value.seconds()
    return {name: value.text() for name, value in values.items()}


def _triggers(node: _Node) -> list[str]:
    kinds = node.mapping(("event_type",))["event_type"]
    if isinstance(kinds.value, str):
        return [kinds.text()]
    return [each.text() for each in kinds.sequence()]


def _steps(node: _Node, parameters: dict[str, str]) -> list[Step]:
    nodes = node.sequence()
    if not nodes:
        raise node.error("a workflow has at least one step")
    steps: list[Step] = []
    for each in nodes:
        steps.append(_step(each, steps, parameters))
    _check_jumps(nodes, steps)
    return steps


def _step(node: _Node, earlier: list[Step], parameters: dict[str, str]) -> Step:
    kind = _kind(node)
    builder, required, optional = _BUILDERS[kind]
    fields = node.mapping(("id", "type", *required), optional)
    step_id = fields["id"].identifier()
    if step_id in _RESERVED | node.source.actions.choices.keys() or any(step.id == step_id for step in earlier):
        raise fields["id"].error(f"the name {step_id!r} is taken")
    common: dict[str, Any] = {"id": step_id}
    if "timeout" in fields:
        common["timeout"] = _timeout(fields["timeout"])
    if "retry" in fields:
        common["retry"] = _retry(fields["retry"])
    return builder(fields, common, earlier, parameters)


def _kind(node: _Node) -> str:
    if not isinstance(node.value, CommentedMap) or "type" not in node.value:
        raise node.error("'type' is missing")
    kind = _Node(node.source, node.value["type"], *node.value.lc.value("type"))
    if kind.text() in _LATER:
        raise kind.error(f"steps of type {kind.value!r} are not supported yet")
    if kind.text() not in _BUILDERS:
        raise kind.error(f"{kind.value!r} is not one of {', '.join(_BUILDERS)}")
    return kind.text()


def _timeout(node: _Node) -> float:
    if not 0 < (seconds := node.seconds()) <= MAX_TIMEOUT:
        raise node.error(f"a command may take {MAX_TIMEOUT:g}s at most")
    return seconds


def _retry(node: _Node) -> Retry:
    fields = node.mapping(("max_attempts",), ("backoff",))
    backoff = fields["backoff"].seconds() if "backoff" in fields else 1.0
    return Retry(max_attempts=fields["max_attempts"].whole(1, 20), backoff=backoff)


_Fields = dict[str, _Node]


def _command(fields: _Fields, common: dict[str, Any], earlier: list[Step], parameters: dict[str, str]) -> Step:
    command = fields["command"].mapping(("tool", "action"), ("args", "parameters"))
    args = [arg.text() for arg in command["args"].sequence()] if "args" in command else []
    given = command["parameters"].any_mapping() if "parameters" in command else {}
    step = CommandStep(
        tool=command["tool"].text(),
        action=command["action"].text(),
        args=args,
        parameters={name: value.plain() for name, value in given.items()},
        **common,
    )
    if step.tool == TOOL:
        _check_typed(command, step)
    return step


def _check_typed(command: _Fields, step: CommandStep) -> None:
    filled = {
        key: PLACEHOLDERS.get(value, value) if isinstance(value, str) else value
        for key, value in step.parameters.items()
    }
    try:
        typed = command["action"].source.actions.parse(step.action, filled)
    except InvalidMessageError as exc:
        raise command.get("parameters", command["action"]).error(f"{exc.place}: {exc.rule}") from exc
    if typed.phase.changes:
        raise command["action"].error(
            f"{step.action} changes the cluster: only 'apply_fix' may, with risk and approval"
        )


def _reasoning(fields: _Fields, common: dict[str, Any], earlier: list[Step], parameters: dict[str, str]) -> Step:
    names = fields["input"].sequence()
    known = {step.id for step in earlier}
    for name in names:
        step_id, _, field = name.text().partition(".")
        if step_id not in known or field != "output":
            raise name.error(f"{name.value!r} is not the output of an earlier step")
    return ReasoningStep(input=[name.text() for name in names], **common)


def _decision(fields: _Fields, common: dict[str, Any], earlier: list[Step], parameters: dict[str, str]) -> Step:
    names = conditions.declared(earlier)
    return DecisionStep(conditions=[_condition(node, names) for node in fields["conditions"].sequence()], **common)


def _condition(node: _Node, names: dict[str, Any]) -> Condition:
    fields = node.mapping(("if", "then"))
    expression = fields["if"]
    try:
        conditions.check(expression.text(), names)
    except ConditionError as exc:
        quoted = isinstance(expression.value, SingleQuotedScalarString | DoubleQuotedScalarString)
        raise expression.error(exc.rule, shift=exc.column - 1 + quoted) from exc
    return Condition(expression=expression.text(), then=fields["then"].identifier())


def _action(fields: _Fields, common: dict[str, Any], earlier: list[Step], parameters: dict[str, str]) -> Step:
    if fields["action"].text() != "apply_fix":
        raise fields["action"].error(f"{fields['action'].value!r} is not 'apply_fix'")
    return ActionStep(action="apply_fix", **common)


def _wait(fields: _Fields, common: dict[str, Any], earlier: list[Step], parameters: dict[str, str]) -> Step:
    duration = fields["duration"]
    if duration.text() in parameters:
        return WaitStep(duration=duration.text(), **common)
    return WaitStep(duration=duration.seconds(), **common)


_Builder = Callable[[_Fields, dict[str, Any], list[Step], dict[str, str]], Step]
_BUILDERS: dict[str, tuple[_Builder, tuple[str, ...], tuple[str, ...]]] = {  # with the fields that it must and may have
    "command": (_command, ("command",), ("timeout", "retry")),
    "ai_reasoning": (_reasoning, ("input",), ("retry",)),
    "decision": (_decision, ("conditions",), ()),
    "action": (_action, ("action",), ()),
    "wait": (_wait, ("duration",), ()),
}


def _check_jumps(nodes: list[_Node], steps: list[Step]) -> None:
    for index, (node, step) in enumerate(zip(nodes, steps, strict=True)):
        if isinstance(step, DecisionStep):
            later = {each.id for each in steps[index + 1 :]}
            _check_decision(node, step, later)


def _check_decision(node: _Node, step: DecisionStep, later: set[str]) -> None:
    for given, condition in zip(node.mapping(tuple(node.value))["conditions"].sequence(), step.conditions, strict=True):
        choices = node.source.actions.choices.keys()
        if condition.then not in later | choices:
            then = given.mapping(("if", "then"))["then"]
            raise then.error(f"{condition.then!r} is neither a later step nor one of {', '.join(sorted(choices))}")


def dump(definition: WorkflowDefinition) -> bytes:
    """The definition as JSON, for comparing two of them."""
    return msgspec.json.encode(definition, order="sorted")
