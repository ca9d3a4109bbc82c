"""The API server, as the agent uses it: paths in, dictionaries and streams of lines out, our own errors.

It goes through the dynamic client for its transport and credentials (tokens that rotate, client certificates, exec plugins) but without its
discovery: the agent knows its paths, and reading every group of a large cluster costs seconds and tens of MiB at each start. Everything here blocks.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import urllib3
import yaml
from kubernetes import client, config
from kubernetes.config.config_exception import ConfigException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError

from aetherius.edge_agent.errors import ClusterRefusedError, ClusterUnreachableError, WatchCutError, WatchExpiredError

FIELD_MANAGER = "aetherius"
CONNECT_TIMEOUT = 3.0
"""Seconds; an API server that does not accept a connection by then is away."""
READ_TIMEOUT = 20.0
"""Seconds without a byte of an answer; watches have their own."""
PAGE = 500
"""Objects in one page of a list."""
_METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
PatchType = Literal["merge", "strategic", "json"]
_PATCH_TYPES = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
}


class KubernetesApi:
    """One connection pool to one API server. Safe to use from several threads.

    A kubeconfig that is written anew (a rotated certificate, a server that moved) is read when the old one no longer gets an answer.
    """

    def __init__(self, kubeconfig: Path | None) -> None:
        """Raises ``ClusterUnreachableError`` for a kubeconfig that cannot be read."""
        self._kubeconfig = kubeconfig
        self._written = _written(kubeconfig)
        self._dynamic = _client(kubeconfig)

    def close(self) -> None:
        """Close the idle connections; streams must be closed before."""
        self._dynamic.client.rest_client.pool_manager.clear()

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Read one object or one page of a list. Raises ``ClusterRefusedError``, ``ClusterUnreachableError``; safe to repeat."""
        return self._json("get", path, **query)

    def find(self, path: str) -> dict[str, Any] | None:
        """Like `get`, with None for what does not exist."""
        try:
            return self.get(path)
        except ClusterRefusedError as exc:
            if exc.status == 404:
                return None
            raise

    def exists(self, path: str) -> bool:
        """Whether an object exists. Only its metadata is asked for; where even that is forbidden it is taken to exist."""
        try:
            return self.metadata(path) is not None
        except ClusterRefusedError as exc:
            if exc.status == 403:
                return True
            raise

    def metadata(self, path: str) -> dict[str, Any] | None:
        """An object's metadata, and nothing else of it; None for what does not exist. Raises as `get` does, also where even that is forbidden (403)."""
        try:
            found = self._json("get", path, header_params={"Accept": _METADATA_ONLY})
        except ClusterRefusedError as exc:
            if exc.status == 404:
                return None
            raise
        return dict(found["metadata"])

    def list(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """All objects of a list, page by page."""
        return [msgspec.json.decode(item) for page in self.pages(path, **query) for item in page.items]

    def pages(self, path: str, **query: Any) -> Iterator[ListPage]:
        """A list page by page, items undecoded."""
        more = ""
        while True:
            page = _pages.decode(self._bytes("get", path, limit=PAGE, _continue=more or None, **query))
            yield page
            more = page.metadata.continue_
            if not more:
                return

    def patch(
        self, path: str, body: Any, *, patch_type: PatchType = "merge", dry_run: bool = False, **query: Any
    ) -> dict[str, Any]:
        """Change an object; after ``ClusterUnreachableError`` look before doing it again."""
        return self._json(
            "patch",
            path,
            body=body,
            content_type=_PATCH_TYPES[patch_type],
            dry_run="All" if dry_run else None,
            field_manager=FIELD_MANAGER,
            **query,
        )

    def create(self, path: str, body: Any, *, dry_run: bool = False) -> dict[str, Any]:
        """Create an object, or a subresource such as an eviction."""
        return self._json("post", path, body=body, dry_run="All" if dry_run else None, field_manager=FIELD_MANAGER)

    def watch(self, path: str, resource_version: str, seconds: int, idle: float) -> WatchStream:
        """Follow a list for at most `seconds`; `idle` seconds without a byte are an error (bookmarks come each minute)."""
        response = self._request(
            "get",
            path,
            watch="true",
            resource_version=resource_version,
            allow_watch_bookmarks="true",
            timeout_seconds=seconds,
            _request_timeout=(CONNECT_TIMEOUT, idle),
        )
        return WatchStream(path, response)

    def version(self) -> str:
        """The server's version, such as `v1.36.3`."""
        return str(self.get("/version").get("gitVersion", ""))

    def _json(self, method: str, path: str, **params: Any) -> dict[str, Any]:
        answer = msgspec.json.decode(self._bytes(method, path, **params))
        if not isinstance(answer, dict):
            raise ClusterRefusedError(f"{method.upper()} {path}", 200, "NotAnObject", "the answer is not an object")
        return answer

    def _bytes(self, method: str, path: str, **params: Any) -> bytes:
        response = self._request(method, path, **params)
        try:
            return bytes(response.read())
        except urllib3.exceptions.HTTPError as exc:
            raise ClusterUnreachableError(f"{method.upper()} {path}", _first_line(exc)) from exc
        finally:
            response.release_conn()

    def _request(self, method: str, path: str, **params: Any) -> Any:
        what = f"{method.upper()} {path}"
        params.setdefault("_request_timeout", (CONNECT_TIMEOUT, READ_TIMEOUT))
        # Lists of the client's own signature are shared between calls unless given.
        params = {"query_params": [], "header_params": {}, "path_params": {}} | params
        try:
            return self._dynamic.request(method, path, serialize=False, **params)
        except DynamicApiError as exc:
            if exc.status == 401:
                self._renew()
            raise _refusal(what, exc.status, exc.reason, exc.body, _retry_after(exc)) from exc
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            self._renew()
            raise ClusterUnreachableError(what, _first_line(exc)) from exc

    def _renew(self) -> None:
        written = _written(self._kubeconfig)
        if written == self._written:
            return
        with contextlib.suppress(ClusterUnreachableError):  # half written, or gone: the next failure looks again
            self._dynamic, self._written = _client(self._kubeconfig), written


class WatchStream:
    """The lines of one watch. `close` may be called from another thread and ends the reading at once."""

    def __init__(self, path: str, response: Any) -> None:
        self._what = f"WATCH {path}"
        self._response = response

    def __iter__(self) -> Iterator[WatchLine]:
        """Raises ``WatchExpiredError`` (list again), ``ClusterRefusedError``, ``WatchCutError`` (watch again)."""
        try:
            for line in self._lines():
                change = _lines.decode(line)
                if change.type == "ERROR":
                    status = msgspec.json.decode(change.object, type=_Status)
                    raise _refusal(self._what, status.code, status.reason, change.object)
                yield change
        except (urllib3.exceptions.HTTPError, OSError, AttributeError, ValueError) as exc:
            # A response closed under its reader shows as AttributeError or ValueError, a cut line as a DecodeError (a ValueError).
            raise WatchCutError(self._what, _first_line(exc)) from exc
        finally:
            self._response.close()

    def close(self) -> None:
        """End the stream: whoever reads it gets ``WatchCutError`` or the end."""
        connection = getattr(self._response, "connection", None)
        raw = getattr(connection, "sock", None)
        if raw is not None:
            with contextlib.suppress(OSError):  # only this wakes a reader that waits inside TLS
                raw.shutdown(socket.SHUT_RDWR)

    def _lines(self) -> Iterator[bytes]:
        rest = b""
        for chunk in self._response.stream(amt=None, decode_content=False):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from filter(None, whole)


class _ListMetadata(
    msgspec.Struct, frozen=True, rename={"resource_version": "resourceVersion", "continue_": "continue"}
):
    resource_version: str = ""
    continue_: str = ""


class ListPage(msgspec.Struct, frozen=True, rename={"listed": "items"}):
    """A page of a list."""

    metadata: _ListMetadata
    listed: list[msgspec.Raw] | None = None

    @property
    def items(self) -> list[msgspec.Raw]:
        """The objects, undecoded; an empty list comes as null from some servers."""
        return self.listed or []


class WatchLine(msgspec.Struct, frozen=True):
    """One change: ADDED, MODIFIED, DELETED or BOOKMARK."""

    type: str
    object: msgspec.Raw


class _Status(msgspec.Struct, frozen=True):
    code: int = 0
    reason: str = ""
    message: str = ""
    details: dict[str, Any] | None = None


_pages = msgspec.json.Decoder(ListPage)
_lines = msgspec.json.Decoder(WatchLine)


def connect(kubeconfig: Path | None) -> KubernetesApi:
    """The API server of a kubeconfig, or, without one, of the cluster that we run in.

    Raises:
        ClusterUnreachableError: no such file, or we run in no cluster. Nothing is asked of the server yet.
    """
    return KubernetesApi(kubeconfig)


def _client(kubeconfig: Path | None) -> DynamicClient:
    configuration = client.Configuration()
    try:
        if kubeconfig is None:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        else:
            config.load_kube_config(str(kubeconfig), client_configuration=configuration)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError, yaml.YAMLError) as exc:
        raise ClusterUnreachableError(str(kubeconfig or "in-cluster configuration"), _first_line(exc)) from exc
    configuration.connection_pool_maxsize = 16
    configuration.retries = False
    return DynamicClient(client.ApiClient(configuration), discoverer=_NoDiscovery)  # type: ignore[no-untyped-call]


def _written(kubeconfig: Path | None) -> int:
    try:
        return kubeconfig.stat().st_mtime_ns if kubeconfig else 0
    except OSError:
        return 0


class _NoDiscovery:
    def __init__(self, dynamic: DynamicClient, cache_file: str | None) -> None:
        """The dynamic client wants one; ours reads nothing."""


def _retry_after(exc: DynamicApiError) -> float:
    """Seconds that a throttling server asks to wait; 0 where it says nothing that can be read."""
    text = str((exc.headers or {}).get("Retry-After", ""))
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0


def _refusal(
    what: str, status: int, reason: str, body: bytes | str | msgspec.Raw | None, retry_after: float = 0.0
) -> ClusterRefusedError:
    try:
        said = msgspec.json.decode(body or b"{}", type=_Status)
    except msgspec.DecodeError:
        said = _Status()
    causes = tuple(str(cause.get("reason", "")) for cause in (said.details or {}).get("causes") or ())
    kind = WatchExpiredError if status == 410 else ClusterRefusedError
    wait = retry_after or float((said.details or {}).get("retryAfterSeconds") or 0)
    return kind(what, status, said.reason or reason or "", said.message or "", causes, wait)


def _first_line(exc: BaseException) -> str:
    return f"{type(exc).__name__}: {exc}".splitlines()[0][:300]
