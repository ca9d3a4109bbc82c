"""An S3 server of its own (moto's, over HTTP): the real protocol, with signatures, conditional puts and listings in pages, kept in memory."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from urllib.error import URLError
from urllib.request import Request, urlopen

from aetherius.runtime.parent_death import guarded
from aetherius.runtime.ports import free_port
from processes import eventually

ACCESS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}

_SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00"
"""By this the server knows that S3 is meant."""


class S3Server:
    """Buckets on a port of this machine. Use as `with S3Server().running() as server`."""

    def __init__(self) -> None:
        self.port = free_port()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a client finds in its environment, as with any S3 that is not Amazon's."""
        return {**ACCESS, "AWS_ENDPOINT": self.endpoint, "AWS_ALLOW_HTTP": "true"}

    @contextlib.contextmanager
    def running(self) -> Iterator[S3Server]:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        with subprocess.Popen(
            guarded(command, signal.SIGKILL),
            env={**os.environ, **ACCESS},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as server:
            try:
                eventually(self._answers, "the S3 server")
                yield self
            finally:
                server.kill()

    def bucket(self, name: str) -> str:
        """Make a bucket; its URL."""
        request = Request(f"{self.endpoint}/{name}", data=b"", method="PUT", headers={"Authorization": _SIGNED})
        with urlopen(request, timeout=60):
            return f"s3://{name}"

    def _answers(self) -> bool:
        try:
            with urlopen(self.endpoint, timeout=1):
                return True
        except (URLError, OSError):
            return False
