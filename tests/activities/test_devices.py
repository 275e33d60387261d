"""What device claims count as, and which are refused and why."""

from typing import Any

import pytest

from activities.agent import FOLLOWED
from activities.cache.cache import Cache
from activities.cache.devices import Devices, NotUnderstood, with_devices, with_room
from activities.cluster.kube import CLAIM_TEMPLATES, CLASSES, SLICES, Kind, Manifest
from tests.activities.memory_kube import MemoryCluster, MemoryKube

DRIVER = "gpu.example.com"
ONE_DRIVER = [{"cel": {"expression": f"device.driver == '{DRIVER}'"}}]
LARGE = [{"cel": {"expression": f"device.driver == '{DRIVER}' && device.attributes['{DRIVER}'].family == 'h100'"}}]


def devices(*objects: tuple[Kind, Manifest]) -> Devices:
    """With these in the cache."""
    cache, cluster = Cache(MemoryKube(MemoryCluster()), FOLLOWED), MemoryCluster()
    for kind, manifest in objects:
        cache.note_written(kind, cluster.put(kind, manifest))
    return Devices(cache)


def device_class(name: str, selectors: list[dict[str, Any]]) -> tuple[Kind, Manifest]:
    return CLASSES, {"metadata": {"name": name}, "spec": {"selectors": selectors}}


def claims(name: str, *requests: dict[str, Any], **spec: object) -> tuple[Kind, Manifest]:
    named = [{"name": f"r{index}", **request} for index, request in enumerate(requests)]
    return CLAIM_TEMPLATES, {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"spec": {"devices": {"requests": named, **spec}}},
    }


def slice_of(name: str, node: str, count: int, generation: int = 1, **device: object) -> tuple[Kind, Manifest]:
    pool = {"name": node, "generation": generation, "resourceSliceCount": 1}
    found = [{"name": f"gpu-{index}", **device} for index in range(count)]
    return SLICES, {"metadata": {"name": name}, "spec": {"driver": DRIVER, "pool": pool, "nodeName": node, "devices": found}}


def exactly(name: str = "gpu", **more: object) -> dict[str, Any]:
    return {"exactly": {"deviceClassName": name, **more}}


def pod(template: str | None = "one") -> dict[str, Any]:
    claim = {"name": "gpus", **({"resourceClaimTemplateName": template} if template else {"resourceClaimName": "shared"})}
    return {"containers": [{"name": "main", "resources": {"claims": [{"name": "gpus"}]}}], "resourceClaims": [claim]}


GPU = device_class("gpu", ONE_DRIVER)
#                        the claim's requests                  devices of the driver
COUNTED: dict[str, tuple[list[dict[str, Any]], int]] = {
    "one":              ([exactly()],                          1),
    "several":          ([exactly(count=4)],                   4),
    "said in full":     ([exactly(count=2, allocationMode="ExactCount")], 2),
    "several requests": ([exactly(), exactly(count=2)],        3),
    "two classes of one driver": ([exactly(), exactly("same")], 2),
}  # fmt: skip


@pytest.mark.parametrize(("requests", "want"), COUNTED.values(), ids=COUNTED.keys())
def test_a_count_of_a_class_is_counted(requests: list[dict[str, Any]], want: int) -> None:
    known = devices(GPU, device_class("same", ONE_DRIVER), claims("one", *requests))
    assert known.asked("default", pod()) == {f"devices/{DRIVER}": str(want)}


def test_a_pod_without_claims_asks_for_nothing() -> None:
    assert devices(GPU).asked("default", {"containers": []}) == {}


REFUSED: dict[str, tuple[list[tuple[Kind, Manifest]], str | None, str]] = {
    "no template":   ([GPU], "one", "needs ResourceClaimTemplate one, which is not there"),
    "shared":        ([GPU], None, "is shared between pods by its name"),
    "no class":      ([claims("one", exactly())], "one", "DeviceClass gpu, which is not there"),
    "choosy class":  ([device_class("gpu", LARGE), claims("one", exactly())], "one", "do not choose one driver and no more"),
    "any device":    ([device_class("gpu", []), claims("one", exactly())], "one", "do not choose one driver and no more"),
    "choosy claim":  ([GPU, claims("one", exactly(selectors=ONE_DRIVER))], "one", "more than a count of one class"),
    "all of a node": ([GPU, claims("one", exactly(allocationMode="All"))], "one", "more than a count of one class"),
    "alternatives":  ([GPU, claims("one", {"firstAvailable": [{"name": "a"}]})], "one", "more than a count of one class"),
    "alike":         ([GPU, claims("one", exactly(), constraints=[{"matchAttribute": "numa"}])], "one", "has constraints"),
}  # fmt: skip


@pytest.mark.parametrize(("there", "template", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_what_can_not_be_counted_is_refused(there: list[tuple[Kind, Manifest]], template: str | None, sentence: str) -> None:
    with pytest.raises(NotUnderstood, match=sentence):
        devices(*there).asked("default", pod(template))


def test_a_node_has_what_the_last_generation_of_its_slices_says() -> None:
    old, new = slice_of("a-1", "n0", 8), slice_of("a-2", "n0", 4, generation=2)
    parts = slice_of("b", "n1", 2, consumesCounters=[{"counterSet": "x"}])
    known = devices(GPU, old, new, parts)
    assert known.of_node("n0") == {f"devices/{DRIVER}": "4"}
    assert known.of_node("n1") == {f"devices/{DRIVER}": "0"}, "parts of devices are not counted"
    assert known.of_node("n2") == {}


def test_devices_count_as_any_resource_does() -> None:
    counts = {f"devices/{DRIVER}": "2"}
    assert with_devices(counts, {"overhead": {"cpu": "1"}})["overhead"] == {"cpu": "1", **counts}
    assert with_room(counts, {"status": {"allocatable": {"cpu": "4"}}})["status"]["allocatable"] == {"cpu": "4", **counts}
