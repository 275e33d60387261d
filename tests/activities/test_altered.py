"""Pods that are changed while they are admitted: what Espalier needs must be left, and what is added is no harm."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from activities.cluster.kube import PODS, Kind, Manifest
from activities.state.altered import taken_from
from specs.names import GATE
from specs.owners import Owner
from specs.pods import PodMaker
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryKube
from tests.activities.test_life import cluster_of, running, system
from tests.specs.making import role
from tests.specs.making import system as spec_of
from tests.specs.test_manifests import OWNER

MAKER = PodMaker(OWNER, spec_of(role("router")))
HELD, PINNED = MAKER.pod("0/router/0", 0), MAKER.pod("0/router/0", 0, "n1")
Change = Callable[[Manifest], object]

#                          sent     what becomes of it                                               what is missed
CHANGES: dict[str, tuple[Manifest, Change, str]] = {
    "nothing":            (PINNED, lambda pod: None, ""),
    "a sidecar":          (PINNED, lambda pod: pod["spec"]["containers"].append({"name": "proxy"}), ""),
    "a selector":         (PINNED, lambda pod: pod["spec"].update(nodeSelector={"pool": "a"}), ""),
    "a gate more":        (HELD,   lambda pod: pod["spec"]["schedulingGates"].append({"name": "other"}), ""),
    "no gate":            (HELD,   lambda pod: pod["spec"].pop("schedulingGates"), f"scheduling gate {GATE}"),
    "no affinity":        (PINNED, lambda pod: pod["spec"].pop("affinity"), "node affinity for n1"),
    "no labels":          (PINNED, lambda pod: pod["metadata"].pop("labels"), "label espalier.dev/system"),
    "a label of theirs":  (PINNED, lambda pod: pod["metadata"]["labels"].update(team="a"), ""),
    "another slot":       (HELD,   lambda pod: pod["metadata"]["annotations"].update({"espalier.dev/slot": "1/router/0"}),
                           "annotation espalier.dev/slot"),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "change", "missed"), CHANGES.values(), ids=CHANGES)
def test_what_is_missed(sent: Manifest, change: Change, missed: str) -> None:
    stored = copy.deepcopy(sent)
    change(stored)
    assert taken_from(sent, stored) == missed


async def test_a_pod_without_its_gate_goes_at_once_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = cluster_of(3)
    admit = MemoryKube.create

    async def altered(self: MemoryKube, kind: Kind, manifest: Manifest) -> Any:
        sent = copy.deepcopy(manifest)
        if kind == PODS:
            sent["spec"].pop("schedulingGates", None)
        return await admit(self, kind, sent)

    async with running(cluster) as (agent, _):
        gardener = Gardener(agent, system("inOrder"))
        await gardener.do("record")
        await gardener.do("place")
        monkeypatch.setattr(MemoryKube, "create", altered)
        await gardener.do("create")
        (problem,) = gardener.problems
        assert "a mutating admission webhook took away its scheduling gate espalier.dev/" in problem
        assert "Exempt pods with the label espalier.dev/system" in problem
        roles = {pod["metadata"]["labels"]["espalier.dev/role"] for pod in cluster.all(PODS)}
        assert roles == {"router"}, "workers wait for it"
        monkeypatch.undo()
        await gardener.until({"ready": 3})


async def test_a_pod_of_that_name_without_its_labels_is_said_and_left_alone() -> None:
    cluster = cluster_of(3)
    async with running(cluster) as (agent, _):
        gardener = Gardener(agent, system(router=1))
        await gardener.do("record")
        await gardener.do("place")
        maker = PodMaker(Owner("llama", "default", gardener.uid), gardener.system.spec)
        made = maker.pod("0/router/0", 0)
        cluster.put(PODS, {**made, "metadata": {**made["metadata"], "labels": {}}})
        await gardener.do("create")
        assert "a pod of that name is there that has not the labels" in gardener.problems[-1]
        assert [each["metadata"]["labels"] for each in cluster.all(PODS)] == [{}]
