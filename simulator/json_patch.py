"""JSON patch (RFC 6902): add, remove, replace and test, which is what `kubectl rollout undo` and guarded patches send."""

from __future__ import annotations

from typing import Any

from aetherius.simulator.documents import Document, copied
from aetherius.simulator.errors import ApiError, bad_request


def json_patch(target: Document, operations: list[Document]) -> Document:
    """Apply the operations in order, all or none; raises `ApiError` 422 for a failed test or a path that is not there."""
    result = copied(target)
    for operation in operations:
        try:
            _apply(result, operation)
        except (KeyError, IndexError, TypeError, ValueError) as exc:
            raise _unprocessable(f"the path {operation.get('path')!r} does not exist: {exc}") from exc
    return result


def _apply(document: Document, operation: Document) -> None:
    *way, last = [part.replace("~1", "/").replace("~0", "~") for part in str(operation["path"]).split("/")[1:]]
    holder: Any = document
    for part in way:
        holder = holder[int(part)] if isinstance(holder, list) else holder[part]
    key: Any = last if isinstance(holder, dict) else len(holder) if last == "-" else int(last)
    match operation["op"]:
        case "add" if isinstance(holder, list):
            holder.insert(key, operation["value"])
        case "add":
            holder[key] = operation["value"]
        case "replace":
            holder[key]
            holder[key] = operation["value"]
        case "remove":
            del holder[key]
        case "test":
            if holder[key] != operation["value"]:
                raise _unprocessable(f"testing value {operation['path']} failed")
        case other:
            raise bad_request(f"JSON patch operation {other!r} is not served")


def _unprocessable(why: str) -> ApiError:
    return ApiError(422, "Invalid", f"the server rejected our request due to an error in our request: {why}")
