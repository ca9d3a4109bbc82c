"""A typed action of the tool `repair`: its name, its parameters, and in which phase of a repair an order of it is.

Some only look (they verify, or read evidence) and are sent as `diagnostic`; a repair changes the cluster and is sent as `remediation`. Every changing action
is tried as a server-side dry run first, checks that the object still is as the decision saw it, and answers with what would undo it. msgspec only: the agent
imports this.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Generic, Literal, TypeVar

import msgspec

from aetherius.domain.brake import ActionLimits
from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.repair.answers import RepairAnswer
from aetherius.domain.repair.patience import Patience
from aetherius.domain.risk import Risk, RiskLevel, raised

TOOL: Final = "repair"
SEEN: Final = "seen"
"""The parameter by which an order says which facts its plan stood on: with others, nothing is changed."""
APPROVED: Final = "approved_by_person"
"""The parameter by which an order says that a person has approved it. The platform sets it, and takes it out of what others propose."""
Mode = Literal["simulate", "execute", "restore"]
"""What a repair is asked: to say what it would do, to do it, or to take it back."""

P = TypeVar("P", bound=msgspec.Struct)


class Phase(enum.StrEnum):
    """What an order asks of the agent; only the first two change a cluster."""

    EXECUTE = "execute"
    RESTORE = "restore"
    SIMULATE = "simulate"
    VERIFY = "verify"
    READ = "read"

    @property
    def changes(self) -> bool:
        """Whether the cluster is another one afterwards."""
        return self in (Phase.EXECUTE, Phase.RESTORE)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An action with its parameters, before it becomes a command."""

    action: str
    parameters: dict[str, Any]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What an executed repair came to, by the agent's answer."""

    summary: str
    undo: Order | None = None
    done: bool = True
    """False: the agent answered, and says that it could not."""


class Foreseen(msgspec.Struct, frozen=True, kw_only=True):
    """What a repair would do, by the agent's answer to a simulation."""

    told: str
    possible: bool = True
    """False: something would refuse it as things are."""
    diff: list[str] = []
    affected: list[str] = []
    warnings: list[str] = []
    undo: str = ""
    seen: list[str] = []
    """The facts that it stands on; empty from an agent that does not tell them."""


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What a risk depends on besides the action itself."""

    cause: str
    """Code of the root cause, or `unknown`."""
    reopened: int = 0
    """How often the trouble came back after a repair."""
    repeated: bool = False
    """The same action helped this very object before, however long ago."""
    protected: str = ""
    """The namespace, if it is one that only a person may have changed."""
    parameters: dict[str, Any] = {}
    """What would be ordered, as proposed."""


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """Who said yes to an order, and what they said with it."""

    by: str
    comment: str = ""

    @property
    def by_person(self) -> bool:
        """Not the policy, or another part of the platform."""
        return bool(self.by) and not self.by.startswith("system:")

    def says(self, words: str) -> bool:
        """Whether a person's comment has a line that begins with these words."""
        return self.by_person and any(line.strip().casefold().startswith(words) for line in self.comment.splitlines())


class Action(ABC, Generic[P]):
    """One kind of action. `name` is its name on the wire and in the log: never rename."""

    name: ClassVar[str]
    parameters: type[P]

    @abstractmethod
    def phase(self, parameters: P) -> Phase:
        """What an order with these parameters asks."""

    @abstractmethod
    def object_of(self, parameters: P) -> str:
        """Name of the object that it is about."""

    def parse(self, given: dict[str, Any]) -> P:
        """The typed parameters.

        Raises:
            InvalidMessageError: one breaks a rule (named in the error).
        """
        try:
            return msgspec.convert(given, self.parameters)
        except msgspec.ValidationError as exc:
            raise InvalidMessageError(f"parameters of {self.name}", str(exc)) from exc

    def recalled(self, stored: dict[str, Any]) -> P:
        """The typed parameters of an order that was given before, perhaps by a newer version: what it says more is left out.

        For looking after what was done, never for doing it: an order that is understood by half is not carried out.

        Raises:
            InvalidMessageError: what is known of them breaks a rule.
        """
        known = self.parameters.__struct_fields__
        return self.parse({name: value for name, value in stored.items() if name in known})

    def fits(self, parameters: P, name: str) -> bool:
        """Whether it means the object of this name, the incident's own."""
        return self.object_of(parameters) == name


class Repair(Action[P]):
    """An action that changes a cluster: all that the platform must know of it to propose, judge, verify and undo it."""

    choice: ClassVar[str]
    """What a workflow's decision calls it in `then`."""
    base_risk: ClassVar[tuple[RiskLevel, str]]
    """Its risk when nothing raises it, and why."""
    on_cluster: ClassVar[bool] = True
    """False: nothing is sent to an agent, nothing is changed, and nothing is to be verified."""
    limits: ClassVar[ActionLimits | None] = None
    """How often it may be done in one cluster, if that is less than what any action may."""
    spoken: ClassVar[Mapping[str, str]] = {}
    """Parameters that only a person may set, each with the words that do, at the beginning of a line of the approval's comment."""
    no_undo: ClassVar[str] = ""
    """Why a failed verification takes nothing back by itself; empty where it does."""

    def ordered(self, proposed: dict[str, Any], approval: Approval, seen: list[str] | None = None) -> Order:
        """The order once it is approved. What only a person may say is taken from the approval, never from the proposal.

        `seen`: the facts that the approved plan stood on.
        """
        kept = {name: value for name, value in proposed.items() if name not in (*self.spoken, APPROVED, SEEN)}
        said = {name: True for name, words in self.spoken.items() if approval.says(words)}
        person = {APPROVED: True} if approval.by_person and APPROVED in self.parameters.__struct_fields__ else {}
        bound = {SEEN: seen} if seen and SEEN in self.parameters.__struct_fields__ else {}
        return Order(action=self.name, parameters={**kept, **said, **person, **bound})

    def risk(self, circumstances: Circumstances) -> Risk:
        """How risky it is now, and why: the base, what raises it by its own rule, and that the trouble came back."""
        more = self.raises_risk(circumstances)
        if self.on_cluster and circumstances.reopened:
            more.append((RiskLevel.MEDIUM, f"the trouble came back {circumstances.reopened} time(s) after a repair"))
        if self.on_cluster and circumstances.protected:
            more.append(
                (RiskLevel.HIGH, f"namespace {circumstances.protected} is protected: only a person may say yes")
            )
        return raised(self.base_risk, more)

    def raises_risk(self, circumstances: Circumstances) -> list[tuple[RiskLevel, str]]:
        """What raises its risk beyond the base, each with why."""
        return []

    def question(self, parameters: P, reason: str) -> str:
        """What a person is asked who must approve it."""
        if not self.spoken:
            return reason
        words = ", ".join(f'"{each}"' for each in self.spoken.values())
        return f"{reason} (a line of the comment that begins with one of {words} allows just that)"

    def outcome(self, output: str) -> Outcome | None:
        """What the agent's answer says; None where it cannot be read: then whether it was done is for the verification to find out."""
        answer = decoded(output, RepairAnswer)
        if answer is None:
            return None
        undo = Order(action=answer.undo_action, parameters=answer.undo_parameters) if answer.undo_action else None
        told = "; ".join((answer.summary, *answer.warnings))
        return Outcome(summary=told, undo=None if self.no_undo else undo)

    def simulation(self, parameters: P) -> Order | None:
        """The order that has the agent say what it would do; None for a repair that cannot be tried."""
        if "mode" not in self.parameters.__struct_fields__:
            return None
        return Order(action=self.name, parameters={**msgspec.to_builtins(parameters), "mode": Phase.SIMULATE.value})

    def foreseen(self, output: str) -> Foreseen | None:
        """What the agent says that it would do; None where that cannot be read."""
        answer = decoded(output, RepairAnswer)
        if answer is None:
            return None
        undo = f"{answer.undo_action}, if it does not help" if answer.undo_action else "nothing is known that would"
        return Foreseen(
            told=answer.summary,
            diff=answer.changes,
            affected=answer.affected,
            warnings=answer.warnings,
            undo=f"not by itself: {self.no_undo}" if self.no_undo else undo,
            seen=answer.seen,
        )

    @abstractmethod
    def verification(self, parameters: P, output: str, patience: Patience) -> Order:
        """The look that shows whether it helped. `output`: what the agent answered; empty where that cannot be read."""

    def once_key(self, object: str) -> str | None:
        """For a repair of which a second one on the same object is a person's decision: what names the first one in the rows that tell of it.

        `object`: cluster, namespace, kind and name. None where it may be repeated. Never change what an entry answers.
        """
        return None

    def clean_up(self, parameters: P) -> Order | None:
        """What takes its marks off the cluster once all is over, however it ended; None where it leaves none."""
        return None


class Look(Action[P]):
    """An action that changes nothing."""

    asks: ClassVar[Phase]

    def phase(self, parameters: P) -> Phase:
        """Always the same."""
        return self.asks


_A = TypeVar("_A")


def decoded(output: str, kind: type[_A]) -> _A | None:
    """An agent's answer; None for text that is none (cut off, sealed with a key that is lost, or of a newer agent)."""
    try:
        return msgspec.json.decode(output, type=kind)
    except (msgspec.DecodeError, RecursionError):
        return None
