"""The one tree of errors; rooms add leaves in an `errors.py` of their own.

AetheriusError
+-- DomainError            a rule said no: the same request will be refused again
|   +-- InvalidMessageError    a message from outside breaks a rule of its form
|   +-- WrongStateError        the aggregate is past (or not yet at) the state the command needs
|   +-- PlanChangedError       a yes was to another plan than the one that would be carried out
|   +-- UnknownEventError      a stored topic names no event type of this version
|   +-- UnreadableEventError   an event of the log that this version cannot read stands where one is needed
|   +-- InvalidKeyError        a key that is to seal secrets is malformed
+-- InfrastructureError    the world said no: may be tried again
    +-- NoKeyError             a secret is to be stored, and there is no key to seal it
    +-- SecretUnavailableError a sealed text cannot be opened with the keys at hand
"""

from __future__ import annotations


class AetheriusError(Exception):
    """Whatever Aetherius itself raises."""


class DomainError(AetheriusError):
    """A rule refused; trying again changes nothing."""


class InfrastructureError(AetheriusError):
    """A server, disk or network refused; trying again may succeed."""


class InvalidMessageError(DomainError):
    """A message from outside is malformed.

    Attributes: `place` (which message), `rule` (which field breaks which rule).
    """

    def __init__(self, place: str, rule: str) -> None:
        super().__init__(f"{place}: {rule}")
        self.place = place
        self.rule = rule


class WrongStateError(DomainError):
    """The aggregate's state does not allow the command.

    Attributes: `what` (aggregate and id), `state`, `command`.
    """

    def __init__(self, what: str, state: str, command: str) -> None:
        super().__init__(f"{what} is {state}: cannot {command}")
        self.what = what
        self.state = state
        self.command = command


class PlanChangedError(DomainError):
    """A yes names another plan than the present one, or none. Attributes: `what`, `digest` (the present plan's; empty if there is none), `given`."""

    def __init__(self, what: str, digest: str, given: str) -> None:
        named = f"not {given!r}" if given else "and the yes names none"
        super().__init__(
            f"{what}: its plan is {digest or 'not asked for'}, {named}: look at the plan before you approve"
        )
        self.what = what
        self.digest = digest
        self.given = given


class UnknownEventError(DomainError):
    """A topic in the log is not known to this version of the program."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"no event type for topic {topic!r}: written by a newer version?")
        self.topic = topic


class UnreadableEventError(DomainError):
    """Something has to be made of an event that this version cannot read: a newer version can. Attributes: `topic`, `reason`."""

    def __init__(self, topic: str, reason: str) -> None:
        super().__init__(f"this version cannot read {topic}: {reason}")
        self.topic = topic
        self.reason = reason


class InvalidKeyError(DomainError):
    """A key of the state's keyring is malformed; its value is not told. Attributes: `key` (its id), `rule`."""

    def __init__(self, key: str, rule: str) -> None:
        super().__init__(f"state key {key}: {rule}")
        self.key = key
        self.rule = rule


class NoKeyError(InfrastructureError):
    """A secret was to be stored, and there is no key to seal it with; nothing was written."""

    def __init__(self) -> None:
        super().__init__(
            "a secret cannot be stored: set AETHERIUS_STATE_KEYS_FILE or AETHERIUS_STATE_KEYS (`aetherius keys new` makes a key)"
        )


class SecretUnavailableError(InfrastructureError):
    """A sealed text cannot be opened. Attributes: `reason` (names the key, never its value)."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"unavailable: {reason}")
        self.reason = reason
