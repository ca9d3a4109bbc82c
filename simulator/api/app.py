"""The HTTP application: routes a request to discovery, reading, watching, writing or logs; refusals become Status objects."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from aetherius.simulator.api import discovery, openapi
from aetherius.simulator.api.query import Options, Target, decoded, object_of, parsed, parsed_yaml, target
from aetherius.simulator.api.reading import got, listed
from aetherius.simulator.api.watching import Watch
from aetherius.simulator.api.writing import APPLY, Writer
from aetherius.simulator.cluster import Cluster
from aetherius.simulator.documents import Document
from aetherius.simulator.errors import ApiError, no_process, no_such_path
from aetherius.simulator.kinds import STREAMS
from aetherius.simulator.kubelet.kubelet import Kubelet
from aetherius.simulator.kubelet.log_options import LogOptions

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_UNAUTHORIZED = ApiError(401, "Unauthorized", "Unauthorized")


class KubernetesApi:
    """The API of one cluster as a Starlette application (`app`)."""

    def __init__(self, cluster: Cluster, kubelet: Kubelet, token: str, stop: asyncio.Event) -> None:
        self._cluster = cluster
        self._kubelet = kubelet
        self._expected = f"Bearer {token}".encode()
        self._stop = stop
        self._writer = Writer(cluster)
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        self.app = Starlette(routes=[Route("/{path:path}", self._answer, methods=methods)])

    async def _answer(self, request: Request) -> Response:
        try:
            self._authenticate(request)
            return await self._route(request)
        except ApiError as exc:
            return _json(exc.status(), exc.code)

    def _authenticate(self, request: Request) -> None:
        given = request.headers.get("authorization", "").encode()
        if request.url.path not in ("/healthz", "/livez", "/readyz") and not secrets.compare_digest(
            given, self._expected
        ):
            raise _UNAUTHORIZED

    async def _route(self, request: Request) -> Response:
        path = request.url.path.rstrip("/")
        if path in ("/healthz", "/livez", "/readyz"):
            return PlainTextResponse("ok")
        if request.method == "POST" and path == _REVIEWS:
            return _json(_review(decoded(await self._body(request))), 201)
        if request.method == "GET" and (document := _discovered(path)) is not None:
            return _json(document)
        options = Options(request.query_params, request.headers.get("user-agent", ""))
        answer = await self._act(request, target(path), options)
        for warning in options.warnings:
            answer.headers.append("Warning", f"299 - {json.dumps(warning)}")
        return answer

    async def _act(self, request: Request, named: Target, options: Options) -> Response:
        if named.subresource in STREAMS:
            self._cluster.store.get(named.kind, named.namespace, named.name)
            raise no_process(named.subresource)
        match request.method:
            case "GET":
                return self._read(request, named, options)
            case "POST":
                return await self._post(request, named, options)
            case "PUT" if named.name:
                return _json(self._writer.update(named, options, decoded(await self._body(request))))
            case "PATCH" if named.name:
                return await self._patch(request, named, options)
            case "DELETE" if not named.subresource:
                return await self._delete(request, named, options)
        raise ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")

    def _read(self, request: Request, named: Target, options: Options) -> Response:
        accept, store, now = request.headers.get("accept", ""), self._cluster.store, self._cluster.clock()
        if named.subresource == "log":
            return PlainTextResponse(self._kubelet.log(named.namespace, named.name, LogOptions.of(options)))
        if named.subresource == "scale":
            return _json(self._writer.scale(named))
        if options.flag("watch"):
            lines = Watch(self._cluster, named, options, accept, self._stop).lines()
            return StreamingResponse(lines, media_type="application/json")
        if named.name:
            return _json(got(store, named, options, accept, now))
        return _json(listed(store, named, options, accept, now))

    async def _post(self, request: Request, named: Target, options: Options) -> Response:
        raw = await self._body(request)
        if named.subresource == "eviction":
            return _json(self._writer.evict(named, options, decoded(raw)), 201)
        if named.name:
            raise ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        return _json(self._writer.create(named, options, decoded(raw, named.kind)), 201)

    async def _patch(self, request: Request, named: Target, options: Options) -> Response:
        form, raw = _media_type(request), await self._body(request)
        if form == APPLY:
            document, is_new = self._writer.apply(named, options, object_of(parsed_yaml(raw), named.kind))
            return _json(document, 201 if is_new else 200)
        return _json(self._writer.patch(named, options, form, parsed(raw)))

    async def _delete(self, request: Request, named: Target, options: Options) -> Response:
        orders = decoded(await self._body(request))
        if named.name:
            return _json(self._writer.delete(named, options, orders))
        return _json(self._writer.delete_collection(named, options, orders))

    async def _body(self, request: Request) -> bytes:
        """The request's body; raises `ApiError` 413 before it is read whole."""
        limit, raw = self._cluster.settings.body_limit, bytearray()
        async for part in request.stream():
            raw += part
            if len(raw) > limit:
                raise ApiError(413, "RequestEntityTooLarge", f"limit is {limit}")
        return bytes(raw)


def _discovered(path: str) -> Document | None:
    match path.strip("/").split("/"):
        case ["version"]:
            return discovery.version()
        case ["openapi", "v3"]:
            return openapi.index()
        case ["openapi", "v3", *version]:
            return _known(openapi.document("/".join(version)))
        case ["api"]:
            return discovery.core_versions()
        case ["apis"]:
            return discovery.groups()
        case ["apis", group]:
            return _known(discovery.group(group))
        case ["api", served]:
            return _known(discovery.resources("", served))
        case ["apis", group, served]:
            return _known(discovery.resources(group, served))
    return None


def _known(document: Document | None) -> Document:
    if document is None:
        raise no_such_path()
    return document


def _review(review: Document) -> Document:
    """The one user of the simulator may do everything."""
    about: dict[str, Any] = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1"}
    return about | {
        "metadata": {},
        "spec": review.get("spec") or {},
        "status": {"allowed": True, "reason": "the simulator has one user"},
    }


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip()


def _json(document: Document, status: int = 200) -> Response:
    body = json.dumps(document, separators=(",", ":")).encode()
    return Response(body, status_code=status, media_type="application/json")
