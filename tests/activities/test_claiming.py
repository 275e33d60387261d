"""What other pods' claims take of a node's devices, whether they can be counted or not."""

from typing import Any

import pytest

from activities.cache.devices import with_devices, with_room
from activities.cluster.kube import Manifest
from activities.room.claiming import Claiming, asks_for_devices
from specs.names import SYSTEM
from tests.activities.test_devices import DRIVER, GPU, LARGE, claims, device_class, devices, exactly, pod, slice_of
from topology.supply.fleet import Fleet
from topology.supply.shapes import shape_of

DEVICES = f"devices/{DRIVER}"
NICS = device_class("nic", [{"cel": {"expression": "device.driver == 'nic.example.com' && device.attributes['x'].y == 1"}}])
SLICE = slice_of("s", "n0", 4)
NODE: Manifest = {"metadata": {"name": "n0", "labels": {}}, "status": {"allocatable": {"cpu": "9", "pods": "9"}}}
KEY = ("default", "job", "uid")


def job(template: str | None = "one", labels: dict[str, str] | None = None, phase: str = "Running", node: str = "n0") -> Manifest:
    """A bound pod with a claim."""
    metadata: dict[str, Any] = {"namespace": "default", "name": "job", "uid": "uid", "labels": labels or {}}
    return {"metadata": metadata, "spec": {**pod(template), "nodeName": node}, "status": {"phase": phase}}


def held(fleet: Fleet) -> int:
    """Devices of the node that somebody holds."""
    return sum(dict(requests).get(DEVICES, 0) for _, requests in fleet.holders("n0"))


#                          what is there                                               the pod                     left told
TAKEN: dict[str, tuple[list[Any], Manifest, int, str]] = {
    "counted":             ([GPU, claims("one", exactly(count=3))],                    job(),                         1, ""),
    "all of a node":       ([GPU, claims("one", exactly(allocationMode="All"))],       job(),         0, "more than a count"),
    "choosy, of this driver": ([device_class("gpu", LARGE), claims("one", exactly())], job(),         0, "do not choose one"),
    "choosy, of another":  ([NICS, claims("one", exactly("nic"))],                     job(),         4, "do not choose one"),
    "by its name":         ([GPU],                                                     job(None),     0, "shared between pods"),
    "of an unknown class": ([claims("one", exactly())],                                job(),         0, "is not there"),
    "not bound yet":       ([GPU],                                                     job(node=""),                  4, ""),
    "finished":            ([GPU],                                                     job(phase="Succeeded"),        4, ""),
    "ours, by its grant":  ([GPU],                                                     job(labels={SYSTEM: "llama"}), 4, ""),
}  # fmt: skip


@pytest.mark.parametrize(("there", "found", "left", "told"), TAKEN.values(), ids=TAKEN)
def test_what_a_pod_takes(there: list[Any], found: Manifest, left: int, told: str) -> None:
    known = devices(*there, SLICE)
    claiming, fleet = Claiming(known), Fleet()
    fleet.put_node(with_room(known.of_node("n0"), NODE))
    claiming.taking(KEY, found)(fleet)
    assert held(fleet) == 4 - left
    assert (told in claiming.said()) if told else not claiming.said()
    claiming.taking(KEY, None)(fleet)
    assert held(fleet) == 0
    assert not claiming.said()


def test_it_says_which_pods_and_where() -> None:
    claiming = Claiming(devices(GPU, SLICE))
    claiming.taking(KEY, job(None))
    claiming.taking(("default", "other", "uid-2"), job(None, node="n1"))
    said = "devices of 2 nodes count as taken, because claims of other pods there can't be counted, such as pod job on node n0 ("
    assert claiming.said().startswith(said)


def test_they_are_read_again_when_devices_change() -> None:
    claiming = Claiming(devices(GPU, SLICE))
    claiming.taking(KEY, job(None))
    assert [key for key, _ in claiming.again()] == [key for key, _ in claiming.again({"n0"})] == [KEY]
    assert not list(claiming.again({"n1"}))


def test_only_who_needs_devices_is_told() -> None:
    spec = {"containers": [{"name": "main", "resources": {"requests": {"cpu": "1"}}}]}
    plain, needy = shape_of({"spec": spec}), shape_of({"spec": with_devices({DEVICES: "1"}, spec)})
    assert not asks_for_devices([plain])
    assert asks_for_devices([plain, needy])
