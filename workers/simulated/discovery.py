"""What a client such as kubectl asks before it asks for anything: versions, groups, kinds."""

from collections.abc import Awaitable, Callable, Iterator
from itertools import groupby

import orjson
from aiohttp import web

from specs.owners import Manifest
from workers.simulated.kinds import Kinds

VERSION = {"major": "1", "minor": "37", "gitVersion": "v1.37.2+simulated", "platform": "linux/amd64"}
VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
SCHEMAS = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
"""Asked for by `kubectl apply` before it sends anything; an empty answer is a document without schemas."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def routes(kinds: Kinds) -> Iterator[tuple[str, str, Handler]]:
    """Method, path, handler."""

    async def version(_: web.Request) -> web.Response:
        return _json(VERSION)

    async def core(_: web.Request) -> web.Response:
        return _json({"kind": "APIVersions", "versions": ["v1"]})

    async def groups(_: web.Request) -> web.Response:
        return _json({"kind": "APIGroupList", "apiVersion": "v1", "groups": list(_groups(kinds))})

    async def core_kinds(_: web.Request) -> web.Response:
        return _json(_listed(kinds, "v1"))

    async def group_kinds(request: web.Request) -> web.Response:
        return _json(_listed(kinds, f"{request.match_info['group']}/{request.match_info['version']}"))

    async def no_paths(_: web.Request) -> web.Response:
        return _json({"paths": {}})

    async def no_schemas(_: web.Request) -> web.Response:
        return web.Response(body=b"", content_type=SCHEMAS)

    yield "GET", "/version", version
    yield "GET", "/openapi/v3", no_paths
    yield "GET", "/openapi/v2", no_schemas
    yield "GET", "/api", core
    yield "GET", "/apis", groups
    yield "GET", "/api/v1", core_kinds
    yield "GET", "/apis/{group}/{version}", group_kinds


def _groups(kinds: Kinds) -> Iterator[Manifest]:
    versions = sorted({each.api_version for each in kinds if each.group})
    for group, found in groupby(versions, key=lambda version: version.rpartition("/")[0]):
        listed = [{"groupVersion": each, "version": each.rpartition("/")[2]} for each in found]
        yield {"name": group, "versions": listed, "preferredVersion": listed[-1]}


def _listed(kinds: Kinds, api_version: str) -> Manifest:
    resources: list[Manifest] = []
    for each in kinds:
        if each.api_version == api_version:
            about = {"namespaced": each.namespaced, "kind": each.kind, "verbs": VERBS}
            named = {"name": each.plural, "singularName": each.kind.lower(), "shortNames": list(each.names)}
            resources.append({**named, **about})
            subresources = (*(("status",) if each.has_status else ()), *(("scale",) if each.scale else ()))
            resources += [
                {"name": f"{each.plural}/{sub}", "singularName": "", **about, "verbs": ["get", "patch", "update"]}
                for sub in subresources
            ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": resources}


def _json(content: Manifest) -> web.Response:
    return web.Response(body=orjson.dumps(content), content_type="application/json")
