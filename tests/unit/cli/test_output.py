"""How commands show rows."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from ruamel.yaml import YAML

from aetherius.cli.output import Output, show

ROWS: list[dict[str, Any]] = [{"name": "incidents", "lag": 3, "id": UUID(int=1), "error": None}]
PLAIN = [{"name": "incidents", "lag": 3, "id": str(UUID(int=1)), "error": None}]


def test_json_and_yaml_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    show(ROWS, Output.JSON)
    assert json.loads(capsys.readouterr().out) == PLAIN
    show(ROWS, Output.YAML)
    assert YAML(typ="safe").load(capsys.readouterr().out) == PLAIN


def test_a_table_has_the_names_as_its_head(capsys: pytest.CaptureFixture[str]) -> None:
    show(ROWS, Output.TABLE)
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "lag", "id", "error"]
    assert row.split() == ["incidents", "3", str(UUID(int=1))]
    show([], Output.TABLE)
    assert capsys.readouterr().out == ""
