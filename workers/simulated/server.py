"""HTTP before the simulated cluster: the paths, verbs and answers of a Kubernetes API server."""

import asyncio
import hmac
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, cast

import orjson
import yaml
from aiohttp import web

from specs.owners import Manifest
from workers.simulated import discovery, watching
from workers.simulated.api import Where
from workers.simulated.cluster import Cluster
from workers.simulated.errors import Denied, not_found
from workers.simulated.faults import Fault, Faults
from workers.simulated.kinds import Resource
from workers.simulated.selecting import Match, by_fields, by_labels
from workers.simulated.tables import table

MOST_BYTES = 3 * 2**20
"""A request larger than this is refused, as etcd would."""
SILENCE_S = 600.0
WRITES = {"POST", "PUT", "PATCH", "DELETE"}


class Server:
    """One cluster's API. `token` is what clients must bear, if they bear one: kubectl does not over plain HTTP."""

    def __init__(self, cluster: Cluster, token: str) -> None:
        self._cluster, self._token = cluster, token
        self.faults = Faults()

    def application(self) -> web.Application:
        """To be run by aiohttp."""
        app = web.Application(client_max_size=MOST_BYTES, middlewares=[self._guarded])
        app.router.add_get("/readyz", _ok)
        app.router.add_get("/livez", _ok)
        app.router.add_route("*", "/sim/faults", self._faults)
        for method, path, answer in discovery.routes(self._cluster.kinds):
            app.router.add_route(method, path, answer)
        for root in ("/api/{version}", "/apis/{group}/{version}"):
            for path in ("{plural}", "namespaces/{namespace}/{plural}"):
                app.router.add_route("*", f"{root}/{path}", self._many)
            for path in ("{plural}/{name}", "namespaces/{namespace}/{plural}/{name}"):
                app.router.add_route("*", f"{root}/{path}", self._one)
            app.router.add_route("*", root + "/namespaces/{namespace}/{plural}/{name}/{subresource}", self._one)
            app.router.add_route(
                "*", root + "/{plural:nodes|namespaces|customresourcedefinitions|fabrics}/{name}/{subresource:status}", self._one
            )
        return app

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            if request.path not in ("/readyz", "/livez", "/version"):
                self._check_token(request)
            return cast(web.StreamResponse, await handler(request))
        except Denied as denied:
            headers = {"Retry-After": "1"} if denied.code == 429 else {}
            return answered(denied.status(), denied.code, headers)
        except web.HTTPRequestEntityTooLarge:
            return answered(Denied(413, "etcdserver: request is too large", "RequestEntityTooLarge").status(), 413)
        except web.HTTPNotFound:
            return answered(Denied(404, "the server could not find the requested resource").status(), 404)

    def _check_token(self, request: web.Request) -> None:
        said = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not said and "Origin" not in request.headers:  # nobody but this machine reaches it, and no page in its browser
            return
        if not hmac.compare_digest(said.encode(), self._token.encode()):
            raise Denied(401, "Unauthorized")

    async def _many(self, request: web.Request) -> web.StreamResponse:
        resource, namespace = self._resource(request), request.match_info.get("namespace", "")
        if request.method == "GET" and request.query.get("watch") in ("1", "true"):
            return await self._watch(request, resource, namespace)
        await self._suffer(request, resource)
        if request.method == "GET":
            return self._list(request, resource, namespace)
        if request.method == "POST":
            return answered(self._cluster.api.create(resource, namespace, await _body(request), _manager(request)), 201)
        if request.method == "DELETE":
            as_of = int(request.query.get("resourceVersion") or 0)
            gone = self._cluster.api.delete_all(resource, namespace, _match(request), await _options(request), as_of)
            return answered({"kind": "Status", "apiVersion": "v1", "status": "Success", "details": {"deleted": len(gone)}})
        raise Denied(405, "the server does not allow this method on the requested resource")

    async def _one(self, request: web.Request) -> web.StreamResponse:
        resource, match = self._resource(request), request.match_info
        where = Where(resource, match.get("namespace", ""), match["name"], match.get("subresource", ""))
        _check_subresource(where)
        await self._suffer(request, resource)
        api = self._cluster.api
        if request.method == "GET":
            item = api.get(where)
            metadata = {"resourceVersion": item["metadata"].get("resourceVersion", "")}
            shown = _wants_table(request) and not where.subresource
            return answered(table(where.resource, [item], metadata, self._cluster.clock.now()) if shown else item)
        if request.method == "PUT":
            return answered(api.replace(where, await _body(request), _manager(request)))
        if request.method == "DELETE":
            return answered(api.delete(where, await _options(request)))
        if request.method == "PATCH":
            return await self._patch(request, where)
        raise Denied(405, "the server does not allow this method on the requested resource")

    async def _patch(self, request: web.Request, where: Where) -> web.StreamResponse:
        api, body = self._cluster.api, await _body(request)
        if request.content_type == "application/apply-patch+yaml":
            manager, force = request.query.get("fieldManager", ""), request.query.get("force") == "true"
            if not manager:
                raise Denied(422, "fieldManager is required for apply patch", "Invalid")
            there = self._cluster.objects.get(where.resource, where.namespace, where.name) is not None
            return answered(api.apply(where, body, manager, force=force), 200 if there else 201)
        if request.content_type not in (
            "application/json-patch+json",
            "application/merge-patch+json",
            "application/strategic-merge-patch+json",
        ):
            raise Denied(415, f"the body of the request was in an unknown format: {request.content_type}")
        return answered(api.patch(where, body, _manager(request)))

    def _list(self, request: web.Request, resource: Resource, namespace: str) -> web.Response:
        objects, match = self._cluster.objects, _match(request)
        found = [item for item in objects.all(resource, namespace) if match(item)]
        limit, begun = int(request.query.get("limit") or 0), int(request.query.get("continue") or 0)
        page = found[begun : begun + limit] if limit else found[begun:]
        metadata: Manifest = {"resourceVersion": str(objects.version)}
        if limit and begun + limit < len(found):
            metadata |= {"continue": str(begun + limit), "remainingItemCount": len(found) - begun - limit}
        if _wants_table(request):
            return answered(table(resource, page, metadata, self._cluster.clock.now()))
        return answered({"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": metadata, "items": page})

    async def _watch(self, request: web.Request, resource: Resource, namespace: str) -> web.StreamResponse:
        objects = self._cluster.objects
        since = int(request.query.get("resourceVersion") or 0)
        if since and objects.since(since) is None:
            raise Denied(410, f"too old resource version: {since}")
        length_s = float(request.query.get("timeoutSeconds") or 0)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        with suppress(ConnectionResetError):  # the client has left
            async for told in watching.lines(objects, resource, namespace, _match(request), since, length_s):
                await response.write(told)
                if self.faults.strikes(resource.plural, writes=False, watches=True) == "cut":
                    assert request.transport is not None
                    request.transport.abort()
                    break
        return response

    async def _faults(self, request: web.Request) -> web.Response:
        """GET what is to go wrong, POST a fault, DELETE all."""
        if request.method == "POST":
            try:
                self.faults.add(Fault.model_validate_json(await request.read()))
            except ValueError as error:
                raise Denied(422, str(error)) from None
        elif request.method == "DELETE":
            self.faults.clear()
        return answered({"faults": [fault.model_dump() for fault in self.faults.waiting]})

    async def _suffer(self, request: web.Request, resource: Resource) -> None:
        trouble = self.faults.strikes(resource.plural, writes=request.method in WRITES, watches=False)
        if trouble == "silent":
            await asyncio.sleep(SILENCE_S)
        if trouble is not None:
            code = {"conflict": 409, "busy": 429}.get(trouble, 500)
            raise Denied(code, f"a simulated fault: {trouble}")

    def _resource(self, request: web.Request) -> Resource:
        match = request.match_info
        api_version = f"{match['group']}/{match['version']}" if "group" in match else match["version"]
        found = self._cluster.kinds.find(api_version, match["plural"])
        if found is None:
            raise Denied(404, "the server could not find the requested resource")
        return found


def answered(content: Mapping[str, Any], code: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """JSON."""
    return web.Response(body=orjson.dumps(content), status=code, content_type="application/json", headers=headers)


def _check_subresource(where: Where) -> None:
    known = {"": True, "status": where.resource.has_status, "scale": bool(where.resource.scale)}
    if not known.get(where.subresource, False):
        raise not_found(where.resource.plural, f"{where.name}/{where.subresource}")


def _manager(request: web.Request) -> str:
    """Who writes, as the real one names it: by its own word, else by its program."""
    return request.query.get("fieldManager") or request.headers.get("User-Agent", "unknown").partition("/")[0]


def _wants_table(request: web.Request) -> bool:
    return "as=Table" in request.headers.get("Accept", "")


def _match(request: web.Request) -> Match:
    labels, fields = by_labels(request.query.get("labelSelector", "")), by_fields(request.query.get("fieldSelector", ""))
    return lambda item: labels(item) and fields(item)


async def _body(request: web.Request) -> Any:
    text = await request.read()
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Denied(400, f"the object provided is unrecognized: {error}") from None


async def _options(request: web.Request) -> Mapping[str, Any]:
    said = dict(await _body(request) or {}) if request.can_read_body else {}
    if "gracePeriodSeconds" in request.query:
        said["gracePeriodSeconds"] = int(request.query["gracePeriodSeconds"])
    return said


async def _ok(_request: web.Request) -> web.Response:
    return web.Response(text="ok")
