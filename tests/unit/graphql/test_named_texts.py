"""Words whose set is open are shown by the names that the schema has for them."""

from __future__ import annotations

import pytest

from aetherius.domain.fault.faults import shipped_faults
from aetherius.graphql.types.enums import CauseCode, Symptom, named


def test_the_schema_names_every_fault_and_cause() -> None:
    assert {each.value for each in Symptom} == {*(fault.symptom for fault in shipped_faults()), "other"}
    assert {each.value for each in CauseCode} == {*shipped_faults().codes, "other"}
    assert {"OOM", "IMAGE", "CONFIG", "NODE_LOST", "RATE_LIMIT", "UNKNOWN", "OTHER"} < {each.name for each in CauseCode}


@pytest.mark.parametrize(("field", "text"), [("symptom", "crash_loop"), ("root_cause", "NodeLost"), ("name", "web")])
def test_what_is_known_is_shown_as_it_is(field: str, text: str) -> None:
    assert named(field, text) == text


@pytest.mark.parametrize("field", ["symptom", "root_cause"])
def test_a_word_of_another_version_is_other(field: str) -> None:
    assert named(field, "of a newer version") == "other"
    assert named(field, None) is None
