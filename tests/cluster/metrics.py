"""The resource metrics API, as an autoscaler reads it: every pod uses what a test says."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from tests.cluster.api import Api, Json
from tests.cluster.ports import free_ports

GROUP, VERSION = "metrics.k8s.io", "v1beta1"
ROOT = f"/apis/{GROUP}/{VERSION}"
REGISTRATION = f"/apis/apiregistration.k8s.io/v1/apiservices/{VERSION}.{GROUP}"
SERVICES = "/api/v1/namespaces/default/services"


class Metrics:
    """Answers for the API server, which hands on to it what is asked of this group."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.cpu = "0"
        """What each container of each pod uses."""

    def app(self) -> web.Application:
        """Discovery, and pods by selector."""
        made = web.Application()
        made.add_routes([web.get(ROOT, self._discovery), web.get(f"{ROOT}/namespaces/{{namespace}}/pods", self._pods)])
        return made

    async def _discovery(self, _: web.Request) -> web.Response:
        pods = {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]}
        return web.json_response({"kind": "APIResourceList", "groupVersion": f"{GROUP}/{VERSION}", "resources": [pods]})

    async def _pods(self, request: web.Request) -> web.Response:
        chosen = {"labelSelector": request.query.get("labelSelector", "")}
        found = await self._api.items(f"/api/v1/namespaces/{request.match_info['namespace']}/pods", **chosen)
        items = [self._of(pod) for pod in found if pod.get("status", {}).get("phase") == "Running"]
        return web.json_response({"kind": "PodMetricsList", "apiVersion": f"{GROUP}/{VERSION}", "metadata": {}, "items": items})

    def _of(self, pod: Json) -> Json:
        metadata = {key: pod["metadata"][key] for key in ("name", "namespace", "labels")}
        used = [{"name": each["name"], "usage": {"cpu": self.cpu, "memory": "1Mi"}} for each in pod["spec"]["containers"]]
        return {"metadata": metadata, "timestamp": pod["metadata"]["creationTimestamp"], "window": "10s", "containers": used}


@asynccontextmanager
async def metrics(api: Api, certificates: Path) -> AsyncGenerator[Metrics]:
    """Served beside a control plane, with the certificate of its API server, and registered with it."""
    secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    secure.load_cert_chain(certificates / "apiserver.crt", certificates / "apiserver.key")
    served, (port,) = Metrics(api), free_ports(1)
    runner = web.AppRunner(served.app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=secure).start()
    await api.post(SERVICES, _service())
    await api.post(REGISTRATION.rpartition("/")[0], _registration(port))
    try:
        yield served
    finally:
        await api.delete(REGISTRATION)
        await api.delete(f"{SERVICES}/metrics")
        await runner.cleanup()


def _service() -> Json:
    spec = {"type": "ExternalName", "externalName": "localhost"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "metrics"}, "spec": spec}


def _registration(port: int) -> Json:
    spec = {
        "group": GROUP, "version": VERSION, "insecureSkipTLSVerify": True, "groupPriorityMinimum": 100, "versionPriority": 100,
        "service": {"namespace": "default", "name": "metrics", "port": port},
    }  # fmt: skip
    return {
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": f"{VERSION}.{GROUP}"}, "spec": spec,
    }  # fmt: skip
