"""Definitions from YAML: what loads, and errors that name the place."""

from __future__ import annotations

import msgspec
import pytest

from aetherius.domain.fault.faults import shipped_faults
from aetherius.domain.workflow.definition import CommandStep, DecisionStep, WaitStep
from aetherius.orchestrator.errors import DefinitionError
from aetherius.orchestrator.workflow.definition_loader import load
from aetherius.orchestrator.workflow.shipped import ShippedWorkflows, shipped
from aetherius.runtime.errors import SettingError

CRASH_LOOP = """\
workflow:
  name: diagnose_pod_crashloop
  trigger: {event_type: CrashLoopBackOff}
  steps:
    - id: collect_logs
      type: command            # tool, action, args; runs on the cluster of the incident
      command: {tool: kubectl, action: logs, args: ["--tail=100", "--previous"]}
    - id: check_resources
      type: command
      command: {tool: kubectl, action: describe}
    - id: analyze
      type: ai_reasoning
      input: [collect_logs.output, check_resources.output]
    - id: decide
      type: decision
      conditions:
        - {if: "analysis.root_cause == 'OOM'", then: increase_memory}
        - {if: "analysis.root_cause == 'Config'", then: notify_owner}
    - id: remediate
      type: action
      action: apply_fix
"""


def test_the_contracts_definition_loads_as_it_stands() -> None:
    definition = load(CRASH_LOOP)
    assert definition.triggers == ["CrashLoopBackOff"]
    assert [step.id for step in definition.steps] == [
        "collect_logs",
        "check_resources",
        "analyze",
        "decide",
        "remediate",
    ]
    logs, decide = definition.steps[0], definition.steps[3]
    assert isinstance(logs, CommandStep)
    assert logs.args == ["--tail=100", "--previous"]
    assert isinstance(decide, DecisionStep)
    assert [condition.then for condition in decide.conditions] == ["increase_memory", "notify_owner"]


@pytest.mark.parametrize(
    ("old", "new", "place", "rule"),
    [
        ("analysis.root_cause == 'OOM'", "analysis.root_caus == 'OOM'", "17:25", "undeclared reference"),
        ("== 'OOM'", "== 5", "17:37", "no matching overload"),
        ("analysis.root_cause == 'OOM'", "analysis.root_cause", "17:17", "not a yes or no"),
        ("analysis.root_cause == 'OOM'", "analysis.root_cause ==", "17:39", "Syntax error"),
        ("then: increase_memory", "then: nowhere", "17:54", "neither a later step"),
        ("then: increase_memory", "then: collect_logs", "17:54", "neither a later step"),
        ("type: decision", "type: parallel", "15:13", "not supported yet"),
        ("type: decision", "type: magic", "15:13", "is not one of"),
        ("[collect_logs.output,", "[collect_log.output,", "13:15", "not the output of an earlier step"),
        ("id: decide", "id: decide\n      colour: red", "15:7", "'colour' is not known here"),
        ("id: decide", "id: analyze", "14:11", "taken"),
        ("id: decide", "id: analysis", "14:11", "taken"),
        ("id: decide", "id: Decide!", "14:11", "is not a name"),
        ("action: apply_fix", "action: reboot", "21:15", "is not 'apply_fix'"),
        ("trigger: {event_type: CrashLoopBackOff}", "trigger: {}", "3:12", "'event_type' is missing"),
        ('["--tail=100"', '["--tail=100"]]', "7:", "expected"),
    ],
)
def test_an_error_names_line_column_and_rule(old: str, new: str, place: str, rule: str) -> None:
    with pytest.raises(DefinitionError, match=rule) as caught:
        load(CRASH_LOOP.replace(old, new, 1), "w.yaml")
    assert str(caught.value).startswith(f"w.yaml:{place}")


def test_a_step_that_changes_the_cluster_is_refused_outside_a_remediation() -> None:
    text = """workflow:
  name: w
  trigger: {event_type: X}
  steps:
    - id: a
      type: command
      command: {tool: repair, action: DrainNode, parameters: {node: "{node}", mode: execute}}
"""
    with pytest.raises(DefinitionError, match="changes the cluster"):
        load(text)


def test_a_typed_action_is_checked_at_load() -> None:
    text = """workflow:
  name: w
  trigger: {event_type: X}
  steps:
    - id: a
      type: command
      command: {tool: repair, action: DrainNode, parameters: {node: "{node}", mode: maybe}}
"""
    with pytest.raises(DefinitionError, match=r"7:.*mode"):
        load(text)


def test_every_strategy_has_its_workflow_and_settings_override_parameters() -> None:
    catalogue = ShippedWorkflows(shipped(), {"diagnose_lost_node": {"grace": "7s"}})
    found = [catalogue.strategy_for(strategy.symptom) for strategy in shipped_faults()]
    assert None not in found
    lost = catalogue.definitions["diagnose_lost_node"]
    assert lost.parameters == {"grace": "7s"}
    assert isinstance(lost.steps[0], WaitStep)


@pytest.mark.parametrize(
    ("override", "rule"),
    [
        ({"diagnose_lost_node": {"grace": "soon"}}, "diagnose_lost_node.grace"),
        ({"diagnose_lost_node": {"grce": "5s"}}, "no parameter"),
        ({"diagnose_lost_nodes": {"grace": "5s"}}, "no parameter"),
    ],
)
def test_a_wrong_override_of_a_parameter_is_refused_at_the_start(
    override: dict[str, dict[str, str]], rule: str
) -> None:
    with pytest.raises(SettingError, match=rule):
        ShippedWorkflows(shipped(), override)


COMMAND = """workflow:
  name: w
  trigger: {event_type: X}
  steps:
    - id: a
      type: command
      command: {tool: kubectl, action: describe}
"""


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("describe}", "describe, parameters: {a: !own b}}", "7:66"),
        ("describe}", "describe, parameters: [a]}", "7:62"),
        ("describe}", "describe, parameters: {1: a}}", "7:62"),
        ("describe}", "describe, parameters: {a: 99999999999999999999}}", "7:66"),
        ("name: w", "name: \x01", "2:9"),
        ("command: {tool", "timeout: 1h\n      command: {tool", "7:16"),
        (
            "describe}",
            "describe}\n    - id: b\n      type: command\n      command:\n        <<: {tool: kubectl}",
            "11:9",
        ),
        ("describe}", "describe}\n    - {id: b, type: action, action: apply_fix, retry: {max_attempts: 2}}", "8:48"),
        ("describe}", "describe}\n    - {id: b, type: action, action: apply_fix, timeout: 1h}", "8:48"),
    ],
)
def test_what_could_not_run_does_not_load(old: str, new: str, place: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        load(COMMAND.replace(old, new, 1), "w.yaml")
    assert str(caught.value).startswith(f"w.yaml:{place}: ")


def test_numbers_are_kept_as_numbers_however_they_are_written() -> None:
    text = COMMAND.replace("describe}", "describe, parameters: {a: 0x10, b: 1_000, c: 1.5e3, d: [true, null]}}")
    step = load(text).steps[0]
    assert isinstance(step, CommandStep)
    assert msgspec.json.decode(msgspec.json.encode(step.parameters)) == {
        "a": 16,
        "b": 1000,
        "c": 1500.0,
        "d": [True, None],
    }
