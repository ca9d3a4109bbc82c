"""`aetherius approve` and `aetherius reject` on a real log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from typer.testing import CliRunner, Result

from aetherius.cli.main import app
from aetherius.domain.event import Cause
from aetherius.domain.plan import DryRun, Plan
from aetherius.domain.remediation import Remediation, RemediationStatus
from aetherius.domain.risk import Risk, RiskLevel
from aetherius.event_store import schema
from aetherius.event_store.log import Log
from story_events import proposed

NOW = datetime.now(UTC)
PLAN = Plan(
    number=1,
    dry_run=DryRun.PASSED,
    told="cordon n1 and move 2 pods",
    diff=["pod shop/web-1: n1 -> n2"],
    undo="uncordon",
)


@pytest.fixture
def log_dsn(dsn: str) -> str:
    schema.create(dsn)
    return dsn


def asked(dsn: str, plan: Plan | None = PLAN) -> UUID:
    remediation = Remediation(uuid4())
    risk = Risk(level=RiskLevel.HIGH, reasons=["moves pods"])
    remediation.propose(proposed("DrainNode", name="n1"), risk, NOW, NOW + timedelta(hours=4), plan_follows=True)
    if plan:
        remediation.plan(plan, NOW)
    with Log(dsn) as log:
        log.save(remediation, Cause(actor="system:workflow"))
    return remediation.id


def told(dsn: str, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--dsn", dsn])


def loaded(dsn: str, id: UUID) -> Remediation:
    with Log(dsn) as log:
        return log.load(Remediation, id)


def test_what_waits_is_listed(log_dsn: str) -> None:
    assert told(log_dsn, "approve").stdout == "nothing waits for a yes\n"
    id = asked(log_dsn)
    assert told(log_dsn, "approve").stdout == f"{id}  DrainNode of Deployment n1 in north/shop\n"


def test_without_a_digest_the_plan_is_shown_and_nothing_approved(log_dsn: str) -> None:
    id = asked(log_dsn)
    shown = told(log_dsn, "approve", str(id))
    assert shown.exit_code == 2
    assert "dry run passed: cordon n1 and move 2 pods\n  pod shop/web-1: n1 -> n2" in shown.stdout
    assert "undo: uncordon" in shown.stdout
    assert "--digest" in shown.stderr
    assert loaded(log_dsn, id).status is RemediationStatus.AWAITING_APPROVAL


def test_the_plan_that_was_shown_is_approved_and_no_other(log_dsn: str) -> None:
    id = asked(log_dsn)
    refused = told(log_dsn, "approve", str(id), "--digest", "0" * 64)
    assert refused.exit_code == 2
    assert "look at the plan" in refused.stderr
    planned = loaded(log_dsn, id).planned
    assert planned is not None
    assert told(log_dsn, "approve", str(id), "--digest", planned.digest, "--comment", "go").exit_code == 0
    yes = loaded(log_dsn, id).approved
    assert yes is not None
    assert (yes.by.partition(":")[0], yes.comment) == ("cli", "go")


def test_a_plan_that_is_not_made_yet_cannot_be_approved(log_dsn: str) -> None:
    id = asked(log_dsn, None)
    refused = told(log_dsn, "approve", str(id))
    assert refused.exit_code == 2
    assert "plan: being made" in refused.stdout
    assert "being planned" in refused.stderr


def test_a_no_needs_a_reason_and_changes_nothing(log_dsn: str) -> None:
    id = asked(log_dsn)
    assert told(log_dsn, "reject", str(id)).exit_code == 2
    assert told(log_dsn, "reject", str(id), "--reason", "not now").exit_code == 0
    assert loaded(log_dsn, id).status is RemediationStatus.REJECTED


def test_a_repair_that_is_not_there_is_named(log_dsn: str) -> None:
    refused = told(log_dsn, "approve", str(uuid4()), "--digest", "x")
    assert refused.exit_code == 2
    assert "remediation" in refused.stderr.casefold()
