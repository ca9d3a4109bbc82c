"""Which cluster a message is about."""

from __future__ import annotations

import pytest

from aetherius.domain.wire import subjects


@pytest.mark.parametrize(
    ("subject", "cluster"),
    [
        (subjects.event("north"), "north"),
        (subjects.analysis("north"), "north"),
        ("aetherius.agent.north.command.node.n1", "north"),
        (subjects.WORK_DEADLINES, ""),
        (subjects.CRITICAL_EVENT, ""),
    ],
)
def test_a_subject_tells_its_cluster_if_it_has_one(subject: str, cluster: str) -> None:
    assert subjects.concerned(subject) == cluster
