"""Pods for tests: small manifests, with the annotations that fake nodes listen to, and waiting for what becomes of them."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing, suppress
from datetime import timedelta
from http import HTTPStatus

from tests.cluster.api import Api, ApiError, Json
from tests.cluster.nodes import condition

SIMULATED = "sim.espalier.dev/"
WAIT = timedelta(seconds=20)


def pod(name: str, node: str | None = None, asked: Mapping[str, str] | None = None, grace_s: int = 1) -> Json:
    """A pod of one container. `node` pins it by affinity; `asked` are behaviours, such as `{"ready-after": "2s"}`."""
    container = {"name": "main", "image": "example.com/server:1", "resources": {"requests": {"memory": "1Mi"}}}
    spec: Json = {"terminationGracePeriodSeconds": grace_s, "containers": [container]}
    if node is not None:
        spec["affinity"] = pinned(node)
    annotations = {SIMULATED + behaviour: value for behaviour, value in (asked or {}).items()}
    return {"metadata": {"name": name, "annotations": annotations, "labels": {"app": "test"}}, "spec": spec}


def pinned(node: str) -> Json:
    """The affinity that allows one node only."""
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


def is_ready(found: Json) -> bool:
    """Whether the pod's Ready condition is True."""
    return condition(found, "Ready") == "True"


def restarts(found: Json) -> int:
    """How often its first container was started again."""
    statuses = found["status"].get("containerStatuses") or [{"restartCount": 0}]
    return int(statuses[0]["restartCount"])


async def until(api: Api, path: str, true: Callable[[Json], bool], wait: timedelta = WAIT) -> Json:
    """The first state of one object for which this is true, seen by watching (so none is missed). Raises `TimeoutError`."""
    return await _seen(api, path, lambda event: event["type"] != "DELETED" and true(event["object"]), wait)


async def until_gone(api: Api, path: str, wait: timedelta = WAIT) -> None:
    """Return once the object is not there."""
    try:
        found = await api.get(path)
    except ApiError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            return
        raise
    since: str = found["metadata"]["resourceVersion"]
    await _seen(api, path, lambda event: event["type"] == "DELETED", wait, since)


async def _seen(api: Api, path: str, wanted: Callable[[Json], bool], wait: timedelta, since: str = "") -> Json:
    folder, name = path.rsplit("/", 1)
    found: Json = {}
    with suppress(TimeoutError):
        async with (
            asyncio.timeout(wait.total_seconds()),
            aclosing(api.watch(folder, since, fieldSelector=f"metadata.name={name}")) as events,
        ):
            async for event in events:
                found = event["object"]
                if wanted(event):
                    return found
    raise TimeoutError(f"{path} did not get there in {wait}; it was last seen as {found}")
