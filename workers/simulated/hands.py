"""The hands of somebody who breaks things: a way to the running cluster, and to its faults."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp

from activities.cluster.credentials import Access, find_access
from activities.cluster.http import HttpKube
from activities.cluster.kube import NODES, PODS, Kube, Manifest, Refused
from specs.sections import section
from workers.failure import Failure
from workers.settings import Settings
from workers.simulated.faults import Fault

TIMEOUT = aiohttp.ClientTimeout(total=10)


@asynccontextmanager
async def kube_of(settings: Settings) -> AsyncGenerator[Kube]:
    """The cluster that the settings lead to."""
    async with HttpKube(await _access(settings)) as kube:
        yield kube


async def nodes_called(kube: Kube, called: str) -> list[Manifest]:
    """A node by its name, or all nodes with a label of that value. Raises `Failure` when there is none."""
    nodes = (await kube.list(NODES)).items
    found = [node for node in nodes if node["metadata"]["name"] == called]
    found = found or [node for node in nodes if called in section(node, "metadata", "labels").values()]
    if not found:
        raise Failure(
            f"there is no node {called!r}, nor a domain of that name", "List them with: kubectl get nodes --show-labels"
        )
    return found


async def pods_called(kube: Kube, called: str, namespace: str) -> list[Manifest]:
    """A pod by its name, or all whose names begin so. Raises `Failure` when there is none."""
    pods = (await kube.list(PODS, namespace)).items
    found = [pod for pod in pods if pod["metadata"]["name"] == called]
    found = found or [pod for pod in pods if pod["metadata"]["name"].startswith(f"{called}-")]
    if not found:
        raise Failure(f"there is no pod {called!r} in namespace {namespace}", "List them with: kubectl get pods")
    return found


async def ask_faults(settings: Settings, fault: Fault | None, *, clear: bool) -> list[Fault]:
    """Add a fault, or clear them; the list of what is to come. Raises `Failure` where the cluster is not a simulated one."""
    access = await _access(settings)
    method = "DELETE" if clear else "POST" if fault else "GET"
    body = fault.model_dump_json() if fault else None
    async with aiohttp.ClientSession(headers=await access.headers(), timeout=TIMEOUT) as http:
        try:
            async with http.request(method, f"{access.server}/sim/faults", data=body, ssl=access.tls or True) as answer:
                answer.raise_for_status()
                return [Fault.model_validate(each) for each in (await answer.json())["faults"]]
        except aiohttp.ClientResponseError:
            raise Failure("this cluster is not a simulated one", "Start one with: espalier sim serve") from None
        except aiohttp.ClientError as error:
            raise Refused(f"{access.server} does not answer: {error}") from None


async def _access(settings: Settings) -> Access:
    return await find_access(str(settings.kubeconfig or ""), settings.context or "")
