"""What a request to /graphql asks: read from its body, or from the query of a GET, and refused with field and rule if it has another shape."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from aetherius.access.door import check_query
from aetherius.access.errors import InvalidArgumentError
from aetherius.access.json_door import check_value, decode_json, is_suspect
from aetherius.graphql.errors import BadRequestError


class Question(msgspec.Struct, frozen=True, rename="camel"):
    """A document, or the hash that names one, with the operation's name and its variables."""

    query: str | None = None
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


_decode: Final = msgspec.json.Decoder(Question).decode


def question_of(body: bytes) -> Question:
    """The question in a body.

    Raises:
        InvalidArgumentError: it is not JSON, or a value in it may not be.
        BadRequestError: it has another shape.
    """
    try:
        question = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise _refusal(_decoded(body), exc) from exc
    if is_suspect(body):
        check_values(question)
    return question


def check_values(question: Question) -> None:
    """Look at all that a question brings; what is wrong with a variable is told by the variable's name. Raises ``InvalidArgumentError``."""
    check_value(question.variables)
    check_value({"query": question.query, "operationName": question.operation_name, "extensions": question.extensions})


def question_in(query: bytes) -> Question:
    """The question in the query of a GET. Raises as `question_of`."""
    given = check_query(query)
    decoded = {name: decode_json(given[name].encode(), name) for name in ("variables", "extensions") if given.get(name)}
    plain = {name: given[name] for name in ("query", "operationName") if given.get(name)}
    return of_value({**plain, **decoded})


def _decoded(body: bytes) -> Any:
    """What a body holds, if it is JSON after all."""
    try:
        return decode_json(body)
    except InvalidArgumentError as exc:
        raise InvalidArgumentError(exc.field.removeprefix("variables."), exc.rule) from exc


def of_value(value: Any) -> Question:
    """The question in a decoded value, as a WebSocket brings it. Raises ``BadRequestError``."""
    try:
        return msgspec.convert(value, Question)
    except msgspec.ValidationError as exc:
        raise _refusal(value, exc) from exc


def _refusal(value: Any, cause: Exception) -> BadRequestError:
    if isinstance(value, list):
        return BadRequestError("body", "is a list: ask one question in a request")
    rule, _, place = str(cause).partition(" - at `$")
    return BadRequestError(place.strip("`.").partition("[")[0] or "body", rule)
