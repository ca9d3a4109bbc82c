"""A game day: a failure as it happened elsewhere, played on a real control plane, and what the platform says, offers and does of it.

The law of all of them: the diagnosis is right or `unknown`, and nothing is done that would do harm. What was done is read from the API server's audit log, not
from what the platform says of itself.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import pytest

from aetherius.domain import command as commands
from aetherius.domain import incident as incidents
from aetherius.domain import remediation as remediations
from aetherius.domain.cluster_event import Reported
from aetherius.domain.event import Recorded
from aetherius.domain.wire.command import CommandType
from aetherius.domain.words import UNKNOWN
from agent_account import USER
from cluster_probe import ClusterProbe, Document, eventually
from game_hands import is_usable
from real_site import RealSite

POLICY: Final = "system:policy"
NOTIFY: Final = "Notify"
NOBODY: Final = "nobody"
"""Who has not yet said yes."""
_CHANGES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_ASKS: Final = ("/selfsubjectaccessreviews", "/subjectaccessreviews")
"""Written by whoever asks what it may do: changes nothing."""
_NODES: Final = ""
_SYSTEM: Final = "kube-system"


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What is played, and by what it would be refuted."""

    title: str
    decoy: str
    """What it looks like and is not."""
    harm: str
    """What a hasty hand would do."""
    refuted_by: str
    """What would have to be seen for the platform to have failed."""
    says: frozenset[str] = frozenset()
    """Causes that are right; `unknown` always is."""
    asks: frozenset[str] = frozenset()
    """Repairs that a person may be asked for: right, or refused by the agent in the end."""
    does: frozenset[str] = frozenset()
    """Repairs that may be done without a person."""
    refused: frozenset[str] = frozenset()
    """Repairs that may be thought of and tried, because the agent is the one who sees why not: its dry run is refused."""
    source: str = ""
    """Where it was told in public."""
    open: str = ""
    """Why the platform still fails it; empty where it does not."""


@dataclass(frozen=True)
class Offer:
    """A repair that was proposed, and who said yes."""

    action: str
    name: str
    by: str
    done: bool
    asked: bool = False
    """A person was asked."""


@dataclass(frozen=True)
class Row:
    """What came of a scenario."""

    scenario: Scenario
    said: str
    did: str
    seconds: str


class GameDay:
    """One scenario on one site: hands to play it with, and eyes for what comes of it."""

    def __init__(self, site: RealSite, scenario: Scenario, cleaner: ExitStack) -> None:
        self.site, self.scenario = site, scenario
        self.admin = site.admin
        self._cleaner = cleaner
        self._spaces: set[str] = {_NODES, _SYSTEM}
        self.begins()

    def begins(self) -> None:
        """From here on all that happens is of the scenario: the stage is set."""
        self.site.witness.look()
        self._mark = len(self.site.witness.history)
        self._audited = self.site.cluster.audit_log.stat().st_size
        self.began = datetime.now(UTC)

    # The stage.

    def space(self) -> ClusterProbe:
        """An empty namespace, until the scenario ends."""
        probe = self._cleaner.enter_context(self.site.space())
        self._spaces.add(probe.namespace)
        return probe

    def finally_(self, undo: Callable[[], Any]) -> None:
        """Have something undone at the end, whatever comes of the scenario."""
        self._cleaner.callback(undo)

    # What comes of it.

    def subjects(self) -> dict[UUID, incidents.Opened]:
        """All that could be of the scenario: of its namespaces, and what is of no namespace."""
        opened = self.site.witness.all(incidents.Opened)
        return {each.stream_id: event for each, event in opened if event.namespace in self._spaces}

    def events(self) -> list[Recorded]:
        """The decisions since it began that belong to its incidents."""
        self.site.witness.look()
        ids = set(self.subjects())
        later = self.site.witness.history[self._mark :]
        return [each for each in later if each.stream_id in ids or each.cause.correlation_id in ids]

    def _decisions(self) -> list[Recorded]:
        """Without the signs that are folded in: a loop goes on for ever."""
        return [each for each in self.events() if not isinstance(each.event, incidents.EventsCorrelated)]

    def opened(self) -> list[incidents.Opened]:
        """Incidents that began since, or came back: a node may have had other troubles minutes before."""
        begun = (incidents.Opened, incidents.Reopened)
        events = self.events()  # first: it looks, and what it finds must be known
        known = self.subjects()
        return [known[each.stream_id] for each in events if isinstance(each.event, begun)]

    def evidence(self) -> list[str]:
        """What the diagnoses were founded on."""
        told = [each.event for each in self.events() if isinstance(each.event, incidents.Diagnosed)]
        return [f"{event.root_cause}: {each.finding}" for event in told for each in event.evidence]

    def diagnoses(self) -> list[tuple[str, str]]:
        """Subject and cause, in order."""
        told = [each for each in self.events() if isinstance(each.event, incidents.Diagnosed)]
        known = self.subjects()
        return [(known[each.stream_id].name, str(each.event.root_cause)) for each in told]  # type: ignore[attr-defined]

    def offers(self) -> list[Offer]:
        """Repairs that were proposed since, each with who has said yes."""
        said = {
            each.stream_id: each.event.by for each in self.events() if isinstance(each.event, remediations.Approved)
        }
        made = [(each.stream_id, each.event) for each in self.events()]
        asked = {stream for stream, event in made if isinstance(event, remediations.ApprovalRequested)}
        done = {stream for stream, event in made if isinstance(event, remediations.Executed)}
        return [
            Offer(event.action, event.name, said.get(stream, NOBODY), stream in done, stream in asked)
            for stream, event in made
            if isinstance(event, remediations.Proposed)
        ]

    def failures(self) -> list[str]:
        """Why repairs were not made, or did not help."""
        made = [(each.stream_id, each.event) for each in self.events()]
        failed = [self.site.keys.show(e.reason, stream) for stream, e in made if isinstance(e, remediations.Failed)]
        return failed + [e.reason for _, e in made if isinstance(e, remediations.Rejected)]

    def writes(self) -> list[Document]:
        """What the agent changed in the cluster since, by the audit log of its API server; what it only tried as a dry run changed nothing."""
        with self.site.cluster.audit_log.open("rb") as log:
            log.seek(self._audited)
            entries = [json.loads(line) for line in log if line.endswith(b"\n")]
        earlier = self._nodes_of_earlier()
        return [each for each in entries if _changes(each) and _node(each) not in earlier]

    def _nodes_of_earlier(self) -> set[str]:
        """Nodes on which an order of an earlier scenario still cleans up, minutes later."""
        made = {each.stream_id for each in self.events() if isinstance(each.event, remediations.Proposed)}
        orders = [order for _, order in self.site.witness.all(commands.Issued, self._mark)]
        return {
            str(order.parameters.get("node")) for order in orders if _cleans(order) and order.remediation_id not in made
        }

    # Waiting.

    def until(self, probe: Callable[[], Any], what: str, within: float = 120.0) -> None:
        """Read on until the probe says something true."""
        self.site.witness.until(probe, lambda: f"{what}: {[each.event.type_name for each in self.events()]}", within)

    def until_diagnosed(self, within: float = 120.0) -> None:
        """Until a cause, or `unknown`, is told of anything in the scenario, and nothing more follows."""
        self.until(self.diagnoses, "a diagnosis", within)
        self.until_calm()

    def until_calm(self, seconds: float = 6.0, within: float = 120.0) -> None:
        """Until nothing more was decided for so long: longer than any wait of a workflow under test."""
        end = time.monotonic() + within
        seen, since = len(self._decisions()), time.monotonic()
        while time.monotonic() - since < seconds:
            assert time.monotonic() < end, f"not calm: {[each.event.type_name for each in self.events()]}"
            time.sleep(0.2)
            if (now := len(self._decisions())) != seen:
                seen, since = now, time.monotonic()

    def approve(self, action: str) -> None:
        """Say yes, without another word, to the repair that is asked for."""
        self.site.approve(self._asked(action))

    def until_reported(self, reason: str, within: float = 120.0) -> None:
        """Until the agent has told of something in one of the scenario's namespaces."""
        self.until(lambda: self.reports(reason), f"a report of {reason}", within)

    def reports(self, reason: str) -> list[Reported]:
        """What the agent told since, for a reason."""
        told = [event for _, event in self.site.witness.all(Reported, self._mark)]
        return [each for each in told if each.reason == reason and each.namespace in self._spaces]

    def ended(self) -> list[str]:
        """How incidents of it ended, in order."""
        return [each.event.how for each in self.events() if isinstance(each.event, incidents.Resolved)]

    def moments(self) -> list[str]:
        """What was decided of whom, each with the seconds since it began."""
        told = [each for each in self._decisions() if each.event.type_name.startswith(("Incident", "Remediation"))]
        known = self.subjects()
        names = [known[each.stream_id].name if each.stream_id in known else "" for each in told]
        seconds = [(each.occurred_at - self.began).total_seconds() for each in told]
        return [f"{s:.1f} s {e.event.type_name} {n}" for s, e, n in zip(seconds, told, names, strict=True)]

    def _asked(self, action: str) -> UUID:
        def asked() -> list[UUID]:
            events = [(each.stream_id, each.event) for each in self.events()]
            wanted = {i for i, each in events if isinstance(each, remediations.Proposed) and each.action == action}
            return [i for i, each in events if isinstance(each, remediations.ApprovalRequested) and i in wanted]

        self.until(asked, f"a question for {action}")
        return asked()[-1]

    # The law.

    def row(self) -> Row:
        """What came of it, in a few words."""
        told = [each for each in self.events() if isinstance(each.event, incidents.Diagnosed)]
        first = f"{(told[0].occurred_at - self.began).total_seconds():.0f}" if told else "-"
        causes = Counter(cause for _, cause in self.diagnoses())
        offers = Counter(_in_words(each) for each in self.offers())
        said = "; ".join(_times(*each) for each in causes.items()) or ("a sign only" if self.opened() else "nothing")
        return Row(self.scenario, said, "; ".join(_times(*each) for each in offers.items()) or "nothing", first)

    def judge(self) -> None:
        """The diagnosis is right or `unknown`; nothing harmful was offered, and nothing at all was changed that was not allowed."""
        wrong = [each for each in self.diagnoses() if each[1] not in self.scenario.says | {UNKNOWN}]
        assert wrong == [], f"said wrongly: {wrong}"
        assert harm(self.scenario, self.offers()) == []
        if not [each for each in self.offers() if each.action != NOTIFY and each.done]:
            written = [f"{each['verb']} {each['requestURI']}" for each in self.writes()]
            assert written == [], written


def harm(scenario: Scenario, offers: list[Offer]) -> list[Offer]:
    """Those that the scenario forbids: it allows some to be done, some to be asked for, and some to be ordered as long as the agent refuses them."""
    return [each for each in offers if each.action not in _allowed(scenario, each) | {NOTIFY}]


def _allowed(scenario: Scenario, offer: Offer) -> frozenset[str]:
    if offer.done and offer.by == POLICY:
        return scenario.does
    if offer.asked:
        return scenario.does | scenario.asks
    return scenario.does | scenario.refused


def game_day(scenario: Scenario, *, short: bool = False) -> Callable[[Callable[[GameDay], None]], Callable[..., None]]:
    """Makes a test of a function that plays a scenario: the law is checked at its end."""

    def decorate(play: Callable[[GameDay], None]) -> Callable[..., None]:
        def test(stage: Stage) -> None:
            with stage.playing(scenario) as day:
                play(day)
                day.judge()

        test.__name__, test.__doc__, test.__module__ = play.__name__, play.__doc__, play.__module__
        marked: Callable[..., None] = pytest.mark.game_day(short=short)(test)
        return pytest.mark.xfail(reason=scenario.open, strict=True)(marked) if scenario.open else marked

    return decorate


class Stage:
    """A site for one scenario after the other, and the rows of those that were played."""

    def __init__(self, site: RealSite, rows: list[Row]) -> None:
        self.site, self.rows = site, rows

    @contextmanager
    def playing(self, scenario: Scenario) -> Iterator[GameDay]:
        """Play one, note what came of it, and leave a cluster on which all is well."""
        with ExitStack() as cleaner:
            day = GameDay(self.site, scenario, cleaner)
            try:
                yield day
            finally:
                self.rows.append(day.row())
                print(
                    "\n".join(
                        (
                            f"{scenario.title}:",
                            *day.evidence(),
                            *map(str, day.offers()),
                            *day.failures(),
                            *day.moments(),
                        )
                    )
                )
        eventually(lambda: all(is_usable(node) for node in self.site.admin.listed("Node")))


def _changes(entry: Document) -> bool:
    uri = entry["requestURI"]
    asks = uri.partition("?")[0].endswith(_ASKS) or "dryRun=All" in uri
    return entry["user"]["username"] == USER and entry["verb"] in _CHANGES and not asks


def _node(entry: Document) -> str:
    """The name of the node that was written, else empty."""
    about = entry.get("objectRef") or {}
    return str(about.get("name", "")) if about.get("resource") == "nodes" else ""


def _cleans(order: commands.Issued) -> bool:
    return order.type is CommandType.REMEDIATION and order.parameters.get("mode") == "restore"


def _in_words(offer: Offer) -> str:
    if offer.action == NOTIFY:
        return "told the owner"
    if offer.by == NOBODY:
        return f"asked for {offer.action}" if offer.asked else f"{offer.action}, refused by its dry run"
    how = "by itself" if offer.by == POLICY else "approved"
    return f"{offer.action}, {how}" if offer.done else f"{offer.action}, refused by the agent"


def _times(what: str, count: int) -> str:
    return what if count == 1 else f"{what} ({count})"
