"""What may go wrong in the edge agent: leaves of the one tree in `aetherius.domain.errors`.

DomainError
+-- RegistrationRefusedError   the manager does not accept this agent: it must stop
+-- PolicyRefusedError         the command policy forbids a command (layer and rule)
+-- RepairRefusedError         the object is not as the repair expects it, or a bound forbids it
InfrastructureError
+-- ClusterUnreachableError    the API server does not answer
|   +-- WatchCutError              a watch that had begun was cut: go on from the last version
+-- ClusterRefusedError        the API server answered with an error
    +-- WatchExpiredError          the resource version is too old: list again
"""

from __future__ import annotations

from aetherius.domain.errors import DomainError, InfrastructureError


class RegistrationRefusedError(DomainError):
    """The manager refused this agent. Attributes: `cluster_id`, `reason`."""

    def __init__(self, cluster_id: str, reason: str) -> None:
        super().__init__(f"the manager refuses an agent for cluster {cluster_id}: {reason}")
        self.cluster_id = cluster_id
        self.reason = reason


class PolicyRefusedError(DomainError):
    """A command is not allowed. Attributes: `layer`, `rule`; the text is `layer: rule`, as results carry it."""

    def __init__(self, layer: str, rule: str) -> None:
        super().__init__(f"{layer}: {rule}")
        self.layer = layer
        self.rule = rule


class RepairRefusedError(DomainError):
    """A repair changes nothing, for this reason. Attribute: `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ClusterUnreachableError(InfrastructureError):
    """The API server did not answer: a write may or may not have happened. Attributes: `what` (method and path), `reason`."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what}: {reason}")
        self.what = what
        self.reason = reason


class WatchCutError(ClusterUnreachableError):
    """A watch that had begun was cut: by the network, the server, or whoever closed it. Nothing is lost: watch again from the last version seen."""


class ClusterRefusedError(InfrastructureError):
    """The API server answered with an error. Attributes: `what`, `status` (HTTP), `reason`, `message`, `causes`, `retry_after` (s)."""

    def __init__(
        self, what: str, status: int, reason: str, message: str, causes: tuple[str, ...] = (), retry_after: float = 0.0
    ) -> None:
        super().__init__(f"{what}: {status} {reason}: {message}")
        self.what = what
        self.status = status
        self.reason = reason
        self.message = message
        self.causes = causes
        self.retry_after = retry_after


class WatchExpiredError(ClusterRefusedError):
    """410: the server no longer has the history that a watch wants to go on from."""
