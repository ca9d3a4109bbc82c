"""Refusals of the simulated API server, each a Kubernetes `Status`.

DomainError
+-- ApiError    one refusal: code, reason, message and details as Kubernetes answers them
"""

from __future__ import annotations

from typing import Any

from aetherius.domain.errors import DomainError


class ApiError(DomainError):
    """A refused request.

    Attributes: `code` (HTTP), `reason` (of the Status), `message`, `details` (kind, name, causes).
    """

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details or {}

    def status(self) -> dict[str, Any]:
        """The Status object that the client receives."""
        body: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        body |= {"message": self.message, "reason": self.reason, "code": self.code}
        if self.details:
            body["details"] = self.details
        return body


def bad_request(message: str) -> ApiError:
    """400: the request cannot be understood."""
    return ApiError(400, "BadRequest", message)


def not_found(resource: str, group: str, name: str) -> ApiError:
    """404: no such object; `resource` is the plural."""
    where = f"{resource}.{group}" if group else resource
    details = {"name": name, "kind": resource} | ({"group": group} if group else {})
    return ApiError(404, "NotFound", f'{where} "{name}" not found', details)


def no_such_path() -> ApiError:
    """404: the server does not serve this path."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def no_process(subresource: str) -> ApiError:
    """501: what needs a process in a container."""
    why = f"{subresource} needs a process in the container, and this cluster is simulated: its containers run none"
    return ApiError(501, "NotImplemented", why)


def conflict(resource: str, name: str, why: str) -> ApiError:
    """409: the writer's version or precondition is out of date; read again, then repeat."""
    message = f'Operation cannot be fulfilled on {resource} "{name}": {why}'
    return ApiError(409, "Conflict", message, {"name": name, "kind": resource})


def exists(resource: str, name: str) -> ApiError:
    """409: an object of that name exists."""
    return ApiError(409, "AlreadyExists", f'{resource} "{name}" already exists', {"name": name, "kind": resource})


def expired(asked: int, oldest: int) -> ApiError:
    """410: the history before `oldest` is gone; list again."""
    return ApiError(410, "Expired", f"too old resource version: {asked} ({oldest})")


def invalid(kind: str, name: str, field: str, rule: str, cause: str = "FieldValueInvalid") -> ApiError:
    """422: a field breaks a rule."""
    details = {"name": name, "kind": kind, "causes": [{"reason": cause, "message": rule, "field": field}]}
    return ApiError(422, "Invalid", f'{kind} "{name}" is invalid: {field}: {rule}', details)
