"""Runs one accepted command, whatever its tool, and says how it ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Final

import anyio
import anyio.to_thread
import msgspec

from aetherius.domain.catalogue.command_policy import command_policy
from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.repair.action import TOOL
from aetherius.domain.wire.command import CommandMessage, CommandType, ResultStatus, format_duration, parse_duration
from aetherius.edge_agent.commanding.execute import Kubectl
from aetherius.edge_agent.commanding.kubectl_grammar import parse_kubectl
from aetherius.edge_agent.commanding.policy import check
from aetherius.edge_agent.errors import (
    ClusterRefusedError,
    ClusterUnreachableError,
    PolicyRefusedError,
    RepairRefusedError,
)
from aetherius.edge_agent.repair.cluster import Cluster, Stopwatch
from aetherius.edge_agent.repair.performers import Performers, shipped_performers

_THREADS: Final = 8
"""Typed actions at once, at most; the command queue allows fewer."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended: a result without the envelope."""

    status: ResultStatus
    exit_code: int | None = None
    output: str = ""
    error: str = ""
    truncated: bool = False
    output_sha256: str = ""
    rejected_by: str = ""
    execution_time: str = "0s"


class CommandRunner:
    """Knows the tools. Commands may run side by side."""

    def __init__(self, kubectl: Kubectl, cluster: Cluster, performers: Performers | None = None) -> None:
        """`performers`: the typed actions that this agent can do; those it ships with, if None."""
        self._kubectl = kubectl
        self._performers = performers or shipped_performers()
        self._cluster = cluster
        self._limiter = anyio.CapacityLimiter(_THREADS)

    async def run(self, command: CommandMessage, watch: Stopwatch) -> Ending:
        """Run a command within what the stopwatch leaves. Every end is an `Ending`; only a cancelled task raises."""
        started = time.monotonic()
        try:
            ending = await self._by_tool(command, watch)
        except (PolicyRefusedError, InvalidMessageError) as exc:
            by = str(exc) if isinstance(exc, PolicyRefusedError) else f"grammar: {exc}"
            ending = Ending(status=ResultStatus.REJECTED, rejected_by=by, error=str(exc))
        except (RepairRefusedError, ClusterRefusedError, ClusterUnreachableError) as exc:
            ending = Ending(status=ResultStatus.CANCELLED if watch.cancelled else ResultStatus.FAILED, error=str(exc))
        return msgspec.structs.replace(ending, execution_time=format_duration(time.monotonic() - started))

    async def _by_tool(self, command: CommandMessage, watch: Stopwatch) -> Ending:
        match command.tool:
            case "kubectl":
                return await self._run_kubectl(command, watch)
            case kind if kind == TOOL:
                return await self._run_repair(command, watch)
            case _:
                check(
                    [command.tool, command.action, *command.args] if command.action else [command.tool, *command.args]
                )
                raise PolicyRefusedError("authority", "programs of a node need an agent on that node")

    async def _run_kubectl(self, command: CommandMessage, watch: Stopwatch) -> Ending:
        if command.type is not CommandType.DIAGNOSTIC:
            raise PolicyRefusedError("authority", "kubectl only looks: a remediation is a typed repair")
        parsed = check(kubectl_argv(command))
        assert parsed is not None
        limit = min(watch.left, float(command_policy().execution.timeout_s.max))
        output = await self._kubectl.run(parsed, limit)
        if output.exit_code is None:
            return Ending(status=ResultStatus.TIMEOUT, error=output.error)
        return Ending(
            status=ResultStatus.FAILED if output.exit_code else ResultStatus.SUCCESS,
            exit_code=output.exit_code,
            output=output.text,
            error=output.error,
            truncated=output.truncated,
            output_sha256=output.sha256,
        )

    async def _run_repair(self, command: CommandMessage, watch: Stopwatch) -> Ending:
        typed = self._performers.parse(command.action, command.parameters)
        if command.args:
            raise PolicyRefusedError("grammar", "a typed repair takes parameters, never args")
        if typed.phase.changes and command.type is not CommandType.REMEDIATION:
            raise PolicyRefusedError(
                "authority", f"{command.action} changes the cluster: it must come as a remediation"
            )
        work = partial(self._performers.perform, typed, command.namespace, self._cluster, watch)
        answer = await anyio.to_thread.run_sync(work, limiter=self._limiter)
        if watch.cancelled:
            return Ending(status=ResultStatus.CANCELLED, output=answer.decode(), error="cancelled while it ran")
        return Ending(status=ResultStatus.SUCCESS, exit_code=0, output=answer.decode())


def kubectl_argv(command: CommandMessage) -> Sequence[str]:
    """The line of a kubectl command: its words, in the namespace that it was issued for and in no other.

    Raises:
        PolicyRefusedError: its words name another namespace, or all of them.
    """
    argv = ["kubectl", command.action, *command.args]
    if not command.namespace:
        return argv
    read = parse_kubectl(argv, command_policy().kubectl)
    if read.namespace not in (None, command.namespace):
        raise PolicyRefusedError("authority", f"the command was issued for namespace {command.namespace}")
    if read.all_namespaces:
        raise PolicyRefusedError("authority", f"all namespaces: the command was issued for {command.namespace}")
    return ["kubectl", *read.within(command.namespace).argv()]


def stopwatch(command: CommandMessage) -> Stopwatch:
    """The time that a command was given. Raises ``InvalidMessageError`` for a malformed timeout."""
    return Stopwatch(parse_duration(command.timeout))
