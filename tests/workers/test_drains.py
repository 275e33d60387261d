"""Evictions by others, answered by the real Eviction API: however pods lie on hosts, one unit at a time is hurt."""

import asyncio
from collections import defaultdict

import pytest
import yaml

from tests.activities.port import eventually
from tests.cluster.api import Api, ApiError, Json
from tests.cluster.hearing import heard
from tests.cluster.kubectl import Kubectl
from tests.workers.living import SETTLED_S, SPACE
from tests.workers.tenancy import SYSTEM, is_ready, places, pods, ready

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(180)]
PODS = f"/api/v1/namespaces/{SPACE}/pods"
BUDGET = f"/apis/policy/v1/namespaces/{SPACE}/poddisruptionbudgets/llama.server"


def servers(**group: object) -> str:
    """Two model servers of a leader and a worker, which fit on one host together."""
    container = {"name": "main", "image": "server", "resources": {"requests": {"cpu": "1"}}}
    template = {"spec": {"terminationGracePeriodSeconds": 1, "containers": [container]}}
    members = [{"role": name, "template": template} for name in ("leader", "worker")]
    system = {"apiVersion": "espalier.dev/v1alpha1", "kind": "InferenceSystem", "metadata": {"name": "llama"}}
    return yaml.safe_dump(system | {"spec": {"members": [{"group": "server", "replicas": 2, "members": members, **group}]}})


class Outages:
    """How many replicas lacked a pod at once, at most, by every change of a pod."""

    def __init__(self, found: list[Json]) -> None:
        self._ready: defaultdict[str, set[str]] = defaultdict(set)
        self.most = 0
        for pod in found:
            self.take("ADDED", pod)

    def take(self, change: str, pod: Json) -> None:
        replica = str(pod["metadata"]["annotations"]["espalier.dev/slot"]).rpartition("/")[0].rpartition("/")[0]
        serves = change != "DELETED" and is_ready(pod) and "deletionTimestamp" not in pod["metadata"]
        (self._ready[replica].add if serves else self._ready[replica].discard)(pod["metadata"]["name"])
        self.most = max(self.most, sum(len(names) < 2 for names in self._ready.values()))


async def allowed(api: Api) -> bool:
    """Whether one pod may go, by the word of the budget."""
    try:
        return bool((await api.get(BUDGET)).get("status", {}).get("disruptionsAllowed") == 1)
    except ApiError:
        return False


async def evict(api: Api, pod: Json) -> int:
    """The API server's answer."""
    name = pod["metadata"]["name"]
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": SPACE}}
    try:
        await api.post(f"{PODS}/{name}/eviction", body)
    except ApiError as error:
        return error.code
    return 201


async def test_of_all_that_are_evicted_at_once_one_unit_is_hurt_at_a_time(tenant: Kubectl, empty: Api) -> None:
    """The API server asks again for half a second where it was outrun, so that a second may go once the first is replaced."""
    await tenant("apply", "-f", "-", given=servers())
    await ready(tenant, 4)
    await eventually(lambda: allowed(empty), SETTLED_S)
    outages = Outages(found := await pods(tenant))
    async with heard(empty, PODS, outages.take, labelSelector="espalier.dev/system=llama"):
        answers = await asyncio.gather(*[evict(empty, pod) for pod in found])
        await ready(tenant, 4)
    assert {201, 429} == set(answers), "some are asked to wait"
    assert outages.most == 1


PLACED: dict[str, Json] = {"wherever there is room": {}, "as a whole": {"place": {"within": "host"}}}


@pytest.mark.parametrize("group", PLACED.values(), ids=PLACED)
async def test_a_drain_of_a_host_with_two_replicas_hurts_one_after_the_other(group: Json, tenant: Kubectl, empty: Api) -> None:
    await tenant("apply", "-f", "-", given=servers(**group))
    await ready(tenant, 4)
    await eventually(lambda: allowed(empty), SETTLED_S)
    (host,) = set(await places(tenant))
    outages = Outages(await pods(tenant))
    async with heard(empty, PODS, outages.take, labelSelector="espalier.dev/system=llama"):
        await tenant("drain", host, "--timeout=90s")
        await ready(tenant, 4)
    assert host not in await places(tenant)
    assert outages.most == 1
    await tenant("wait", SYSTEM, "--for=condition=Ready", "--timeout=60s")
