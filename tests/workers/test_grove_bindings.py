"""A ClusterTopologyBinding as Grove's clients wait for it, with kubectl, on a real API server."""

import json
from typing import Any

import pytest

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.workers.grove_set import apply
from tests.workers.living import SETTLED_S

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
NAME = "clustertopologybinding/levels"
RACK, HOST = {"domain": "rack", "key": "x/rack"}, {"domain": "host", "key": "kubernetes.io/hostname"}
KAI = {"schedulerName": "kai-scheduler", "topologyReference": "levels"}


def binding(*levels: Json, schedulers: tuple[Json, ...] = ()) -> Json:
    manifest = {"apiVersion": "grove.io/v1alpha1", "kind": "ClusterTopologyBinding", "metadata": {"name": "levels"}}
    return {**manifest, "spec": {"levels": list(levels), "schedulerTopologyBindings": list(schedulers)}}


async def test_is_in_sync_as_soon_as_it_is_known_and_again_when_it_changes(racks: Api, kubectl: Kubectl) -> None:
    await apply(kubectl, binding(RACK))
    await kubectl("wait", NAME, "--for=condition=SchedulerTopologyDrift=false", f"--timeout={SETTLED_S}s")
    await apply(kubectl, binding(RACK, HOST, schedulers=(KAI,)))
    told: dict[str, Any] = {}

    async def again() -> bool:
        nonlocal told
        told = json.loads(await kubectl("get", NAME, "-o", "json"))
        return bool(told["status"]["observedGeneration"] == told["metadata"]["generation"] == 2)

    await eventually(again, SETTLED_S)
    (condition,) = told["status"]["conditions"]
    assert (condition["status"], condition["reason"], condition["observedGeneration"]) == ("False", "InSync", 2)
    assert told["status"]["schedulerTopologyStatuses"] == [{**KAI, "inSync": True}]
    await kubectl("delete", NAME)


MINE, VOLCANO = {**KAI, "schedulerName": "mine"}, {**KAI, "schedulerName": "volcano"}
REFUSED = {
    "two levels of one name":      (binding(RACK, {**HOST, "domain": "rack"}),  "Duplicate value"),
    "two levels of one label":     (binding(RACK, {**HOST, "key": "x/rack"}),   "two levels have the same key"),
    "a scheduler that is unknown": (binding(RACK, schedulers=(MINE,)),          "scheduler backend is not enabled in Grove"),
    "a scheduler without levels":  (binding(RACK, schedulers=(VOLCANO,)),       "does not implement topology-aware scheduling"),
    "a scheduler named twice":     (binding(RACK, schedulers=(KAI, KAI)),       "Duplicate value"),
}  # fmt: skip


async def test_what_can_not_be_is_refused(racks: Api, kubectl: Kubectl) -> None:
    for name, (manifest, sentence) in REFUSED.items():
        assert sentence in await apply(kubectl, manifest, code=1), name
