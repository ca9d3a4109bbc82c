"""The demo's view of the platform: GraphQL over HTTP and server-sent events, as any client would use it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Self

import httpx2

from aetherius.cli.demo.story import LogEntry
from aetherius.domain.errors import InfrastructureError

_LOG = """subscription Log($after: Position, $types: [String!]) {
  log(after: $after, types: $types) { position type streamId occurredAt correlationId event }
}"""
_APPROVE = """mutation Approve($id: ID!, $digest: String!) {
  approveRemediation(id: $id, planDigest: $digest, comment: "the demo says yes") { position }
}"""
_HEAD = "{ head }"
_AGENTS = "{ agents(first: 100) { edges { node { clusterId status } } } }"
FOLLOWED = ("ClusterEvent", "Incident", "Strategy", "Command", "Workflow", "Remediation")


class ApiError(InfrastructureError):
    """The API refused, or answered with errors."""


class Api:
    """One user's access. Use as an async context manager."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._client = httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=15.0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an operation.

        Raises:
            ApiError: the API refused, or is away.
        """
        try:
            response = await self._client.post(self._url, json={"query": query, "variables": variables})
            answer = response.json()
        except (httpx2.HTTPError, ValueError) as exc:
            raise ApiError(f"{self._url}: {exc}") from exc
        if answer.get("errors"):
            raise ApiError("; ".join(error["message"] for error in answer["errors"]))
        data: dict[str, Any] = answer["data"]
        return data

    async def head(self) -> int:
        """The last position of the log."""
        return int((await self.ask(_HEAD))["head"])

    async def online_clusters(self) -> set[str]:
        """Clusters whose agent is registered and alive."""
        edges = (await self.ask(_AGENTS))["agents"]["edges"]
        return {edge["node"]["clusterId"] for edge in edges if edge["node"]["status"].lower() == "online"}

    async def approve(self, remediation_id: str, digest: str) -> None:
        """Say yes to the plan of this digest, as this user."""
        await self.ask(_APPROVE, id=remediation_id, digest=digest)

    async def log(self, after: int) -> AsyncIterator[LogEntry]:
        """Events behind a position, as they come, without end."""
        async for found in self.subscribe(_LOG, after=after, types=FOLLOWED):
            yield _entry(found["log"])

    async def subscribe(self, subscription: str, **variables: Any) -> AsyncIterator[dict[str, Any]]:
        """The payloads of a subscription, by server-sent events.

        Raises:
            ApiError: the API refused, or went away.
        """
        body, headers = {"query": subscription, "variables": variables}, {"Accept": "text/event-stream"}
        try:
            async with self._client.stream("POST", self._url, json=body, headers=headers, timeout=None) as answer:
                if answer.status_code != httpx2.codes.OK:
                    raise ApiError(f"{self._url}: {answer.status_code}")
                async for line in answer.aiter_lines():
                    if line.startswith("data:") and line[5:].strip():
                        yield _payload(json.loads(line[5:]))
        except httpx2.HTTPError as exc:
            raise ApiError(f"{self._url}: {exc}") from exc


def _payload(message: dict[str, Any]) -> dict[str, Any]:
    if message.get("errors"):
        raise ApiError("; ".join(error["message"] for error in message["errors"]))
    data: dict[str, Any] = message["data"]
    return data


def _entry(found: dict[str, Any]) -> LogEntry:
    return LogEntry(
        position=int(found["position"]),
        type=found["type"],
        stream_id=found["streamId"],
        at=_moment(found),
        correlation_id=found["correlationId"] or "",
        data=found["event"],
    )


def _moment(found: dict[str, Any]) -> datetime:
    """When we learned of it. Kubernetes tells the times of its events to the second: for a report it is the moment of its arrival here."""
    return (
        datetime.now(UTC) if found["type"] == "ClusterEvent.Reported" else datetime.fromisoformat(found["occurredAt"])
    )
