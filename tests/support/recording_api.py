"""A Kubernetes API that knows its types and holds nothing: it records what kubectl asks it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from aetherius.domain.catalogue.command_policy import command_policy

CLUSTER_WIDE: Final = frozenset(
    [
        "nodes",
        "namespaces",
        "persistentvolumes",
        "storageclasses",
        "ingressclasses",
        "volumeattachments",
        "csidrivers",
        "csinodes",
        "priorityclasses",
        "runtimeclasses",
        "apiservices",
        "customresourcedefinitions",
        "certificatesigningrequests",
        "clusterroles",
        "clusterrolebindings",
        "clusterissuers",
        "nodepools",
        "nodeclaims",
        "ec2nodeclasses",
        "validatingadmissionpolicies",
        "gatewayclasses",
    ]
)


class RecordingApi:
    """What was asked, path by path."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.port = 0

    def kubeconfig(self, folder: Path) -> Path:
        """A kubeconfig for it, whose own namespace is `of-the-agent`."""
        file = folder / "kubeconfig.json"
        context = {"cluster": "c", "user": "u", "namespace": "of-the-agent"}
        file.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "x",
                    "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
                    "users": [{"name": "u", "user": {}}],
                    "contexts": [{"name": "x", "context": context}],
                }
            )
        )
        return file

    def namespaces(self) -> set[str]:
        """The namespaces that were asked about."""
        return {path.split("/namespaces/")[1].split("/")[0] for path in self.asked if "/namespaces/" in path}


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    """kubectl asks for all groups at once."""
    daemon_threads = True


@contextmanager
def recording_api() -> Iterator[RecordingApi]:
    """One that answers until the block ends."""
    api = RecordingApi()
    server = _Server(("127.0.0.1", 0), _handler(api))
    api.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, name="recording-api")
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(api: RecordingApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            known = _discovery(path)
            if known is None:
                api.asked.append(path)
            body = json.dumps(
                known or {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404, "apiVersion": "v1"}
            )
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            api.asked.append(f"POST {self.path} {self.rfile.read(length).decode(errors='replace')}")
            self.send_error(403)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def _discovery(path: str) -> dict[str, Any] | None:
    match path.strip("/").split("/"):
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"]}
        case ["apis"]:
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in _groups()]}
        case ["api", "v1"]:
            return _resources("v1", "")
        case ["apis", group, "v1"] if group in _groups():
            return _resources(f"{group}/v1", group)
        case ["version"]:
            return {"major": "1", "minor": "36", "gitVersion": "v1.36.0"}
        case _:
            return None


def _groups() -> list[str]:
    return [group for group in command_policy().kubectl.resources.groups if group]


def _group(name: str) -> dict[str, Any]:
    version = {"groupVersion": f"{name}/v1", "version": "v1"}
    return {"name": name, "versions": [version], "preferredVersion": version}


def _resources(version: str, group: str) -> dict[str, Any]:
    rules = command_policy().kubectl.resources
    names = sorted(rules.groups[group] | (frozenset({"secrets"}) if not group else frozenset()))
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": version,
        "resources": [_resource(each) for each in names],
    }


def _resource(plural: str) -> dict[str, Any]:
    short = [name for name, meant in command_policy().kubectl.resources.short_names.items() if meant == plural]
    singular = (
        plural[:-3] + "y"
        if plural.endswith("ies")
        else plural[:-2]
        if plural.endswith(("sses", "xes"))
        else plural[:-1]
    )
    return {
        "name": plural,
        "singularName": singular,
        "kind": singular.capitalize(),
        "namespaced": plural not in CLUSTER_WIDE,
        "verbs": ["get", "list", "watch"],
        "shortNames": short,
    }
