"""A repair is spelled in its own entries and nowhere else, a fault too: whoever drives them asks the entry, and compares no name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from aetherius.domain.fault.faults import shipped_faults
from aetherius.domain.repair.actions import shipped_actions
from project_files import ROOT, python_files

ROOMS = ("domain", "readers", "projections", "agent_manager", "orchestrator", "edge_agent", "access", "graphql", "api")
HOMES = ("domain/repair/", "domain/fault/", "edge_agent/repair/")
EXAMPLES = {"domain/words.py"}
"""Gives one of each as an example, for schemas."""
NAMES = {*shipped_actions().names, *(fault.symptom for fault in shipped_faults())}
CODES = {code for fault in shipped_faults() for code in fault.causes}
FILES = [file for file in python_files() if file.parts[0] in ROOMS and not str(file).startswith(HOMES)]


@pytest.mark.parametrize("file", FILES, ids=str)
def test_no_other_file_spells_one(file: Path) -> None:
    tree = ast.parse((ROOT / file).read_text())
    spelled = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert str(file) in EXAMPLES or not spelled & (NAMES | CODES)


def test_every_action_of_the_platform_can_be_done_by_an_agent_and_the_other_way_round() -> None:
    from aetherius.edge_agent.repair.performers import shipped_performers

    for_agents = {name for name in shipped_actions().names if _is_for_an_agent(name)}
    assert set(shipped_performers().names) == for_agents


def _is_for_an_agent(name: str) -> bool:
    repair = shipped_actions().repair(name)
    return repair is None or repair.on_cluster
