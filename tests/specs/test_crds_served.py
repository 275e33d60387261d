"""The custom resource definitions on a real API server: it takes them, and refuses what the schema can say."""

import asyncio
import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from specs.counts import slots
from specs.crds import crds
from specs.disruption import disruption_budgets
from specs.fabric import Fabric
from specs.gangs import expand
from specs.manifests import Owner, PodMaker, pinned_patch, placement_object, revision, services, system_object
from specs.reading import read
from specs.system import InferenceSystem
from tests.cluster.api import Api, ApiError
from tests.cluster.controlplane import ControlPlane
from tests.specs.making import EXAMPLES, SYSTEMS
from tests.specs.test_podcliqueset import manifests

__all__ = ["manifests"]
pytestmark = pytest.mark.cluster

Json = dict[str, Any]
TEMPLATE: Json = {"spec": {"containers": [{"name": "server", "image": "busybox"}]}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def definitions(control_plane: ControlPlane) -> None:
    async with control_plane.api() as client:
        for crd in crds():
            name = crd["metadata"]["name"]
            path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
            stored = await client.patch(path, crd, "apply", fieldManager="espalier", force="true")
            assert "violations" not in str(stored.get("status"))
        await _served(client)


async def _served(client: Api) -> None:
    for _ in range(100):
        found = await client.items("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
        ours = [each for each in found if each["spec"]["group"].endswith(("espalier.dev", "grove.io"))]
        assert not any(_is_so(each, "NonStructuralSchema") for each in ours)
        if len(ours) == len(crds()) and all(_is_so(each, "Established") for each in ours) and await _answers(client):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the definitions are not served after 5 s")


async def _answers(client: Api) -> bool:
    try:
        for path in ("fabrics", "namespaces/default/inferencesystems", "namespaces/default/placements"):
            await client.get(f"/apis/espalier.dev/v1alpha1/{path}")
    except ApiError:
        return False
    return True


def _is_so(crd: Json, kind: str) -> bool:
    return any(each["type"] == kind and each["status"] == "True" for each in crd.get("status", {}).get("conditions") or ())


def systems(namespace: str) -> str:
    return f"/apis/espalier.dev/v1alpha1/namespaces/{namespace}/inferencesystems"


@pytest.mark.usefixtures("definitions")
@pytest.mark.parametrize("path", SYSTEMS, ids=lambda path: path.stem)
async def test_what_we_read_is_what_is_kept(path: Path, api: Api, fresh_namespace: str) -> None:
    (system,) = read(path.read_text(), path.name)  # noqa: ASYNC240  # nothing else waits meanwhile
    assert isinstance(system, InferenceSystem)
    written = system_object(system)
    written["metadata"]["namespace"] = fresh_namespace
    at = f"{systems(fresh_namespace)}/{system.metadata.name}"
    stored = await api.patch(at, written, "apply", fieldManager="test", fieldValidation="Strict")
    assert stored["spec"] == written["spec"]
    assert InferenceSystem.model_validate(stored).spec == system.spec


GOOD: Json = {
    "apiVersion": "espalier.dev/v1alpha1",
    "kind": "InferenceSystem",
    "metadata": {"name": "x"},
    "spec": {
        "members": [
            {"role": "a", "replicas": 2, "template": TEMPLATE},
            {
                "group": "b",
                "members": [
                    {"role": "c", "template": TEMPLATE},
                    {"group": "d", "members": [{"role": "e", "template": TEMPLATE}]},
                ],
            },
        ],
        "together": [{"members": ["a", "b"], "within": "rack", "ratio": {"a": 2}}],
    },
}


def spoilt(change: Callable[[Json], object]) -> Json:
    manifest = copy.deepcopy(GOOD)
    change(manifest["spec"])
    return manifest


BAD: dict[str, tuple[Callable[[Json], object], str]] = {
    "neither role nor group": (lambda s: s["members"][0].pop("role"), "exactly one of role"),
    "both role and group": (lambda s: s["members"][0].update(group="z"), "exactly one of role"),
    "a role without template": (lambda s: s["members"][0].pop("template"), "a role has a template"),
    "a group without members": (lambda s: s["members"][1].pop("members"), "a group has members"),
    "no members": (lambda s: s["members"].clear(), "should have at least 1 items"),
    "two of one name": (lambda s: s["members"].append(s["members"][0]), "same name"),
    "two of one name, deeper": (lambda s: s["members"][1]["members"].append({"role": "c", "template": TEMPLATE}), "same name"),
    "minimum too high": (lambda s: s["members"][0].update(minAvailable=3), "minAvailable must not be more"),
    "minimum too high, default replicas": (lambda s: s["members"][1].update(minAvailable=2), "minAvailable must not be more"),
    "negative": (lambda s: s.update(replicas=-1), "greater than or equal to 0"),
    "unknown order": (lambda s: s.update(start="inorder"), "Unsupported value"),
    "bad level": (lambda s: s.update(place={"within": "Rack!"}), "should match"),
    "no containers": (lambda s: s["members"][0].update(template={"spec": {"containers": []}}), "at least 1 items"),
    "no image": (lambda s: s["members"][0].update(template={"spec": {"containers": [{"name": "a"}]}}), "image"),
    "a fourth list": (
        lambda s: s["members"][1]["members"][1]["members"][0].update(group="f", members=[{"role": "g", "template": TEMPLATE}]),
        "unknown field",
    ),
    "a field that is none": (lambda s: s.update(replcas=2), "unknown field"),
    "a ratio of nobody": (lambda s: s["together"][0].update(ratio={"z": 1}), "ratio must be of a member"),
}


@pytest.mark.usefixtures("definitions")
@pytest.mark.parametrize(("change", "words"), BAD.values(), ids=BAD)
async def test_the_schema_refuses(change: Callable[[Json], object], words: str, api: Api) -> None:
    await api.post(systems("default"), GOOD, dryRun="All", fieldValidation="Strict")
    with pytest.raises(ApiError, match=words):
        await api.post(systems("default"), spoilt(change), dryRun="All", fieldValidation="Strict")


@pytest.mark.usefixtures("definitions")
async def test_scale_is_that_of_copies(api: Api, fresh_namespace: str) -> None:
    await api.post(systems(fresh_namespace), GOOD)
    scale = await api.get(f"{systems(fresh_namespace)}/x/scale")
    assert scale["spec"]["replicas"] == 1
    await api.patch(f"{systems(fresh_namespace)}/x/scale", {"spec": {"replicas": 3}})
    assert (await api.get(f"{systems(fresh_namespace)}/x"))["spec"]["replicas"] == 3


@pytest.mark.usefixtures("definitions")
async def test_a_large_system_at_its_limits_is_taken(api: Api) -> None:
    leaf = [{"role": f"r-{i}x", "template": TEMPLATE} for i in range(16)]
    middle = [{"group": f"g-{i}x", "members": leaf} for i in range(8)]
    spec = {"members": [{"group": f"top-{i}x", "members": middle} for i in range(8)]}
    await api.post(systems("default"), {**GOOD, "spec": spec}, dryRun="All", fieldValidation="Strict")


@pytest.mark.usefixtures("definitions")
async def test_placements_are_taken(api: Api, fresh_namespace: str) -> None:
    (system,) = read(SYSTEMS[0].read_text(), "a")
    assert isinstance(system, InferenceSystem)
    made = system_object(system)
    made["metadata"]["namespace"] = fresh_namespace
    uid = (await api.post(systems(fresh_namespace), made))["metadata"]["uid"]  # without an owner it would be collected at once
    owner = Owner(system.metadata.name, fresh_namespace, uid)
    placement = placement_object(owner, system.spec, expand(owner.name, system.spec, {}))
    at = f"/apis/espalier.dev/v1alpha1/namespaces/{fresh_namespace}/placements"
    stored = await api.post(at, placement, fieldValidation="Strict")
    assert stored["spec"] == placement["spec"]
    slot = placement["spec"]["gangs"][0]["slots"][0]
    status = {"nodes": {slot: "node-1"}, "ledger": {"epoch": 1, "sequence": 7}}
    path = f"{at}/{placement['metadata']['name']}/status"
    assert (await api.patch(path, {"status": status}))["status"] == status


ZONE, RACK = {"name": "zone", "label": "topology.kubernetes.io/zone"}, {"name": "rack", "label": "example.com/rack"}
HOST = {"name": "host", "label": "kubernetes.io/hostname"}
#                                    levels                                     why they are refused
FABRICS: dict[str, tuple[list[Json], str]] = {
    "two levels":                   ([ZONE, RACK],                              ""),
    "and the host":                 ([ZONE, RACK, HOST],                        ""),
    "two of one name":              ([ZONE, {**RACK, "name": "zone"}],          "Duplicate value"),
    "two of one label":             ([ZONE, {**ZONE, "name": "rack"}],          "two levels have the same label"),
    "below the host":               ([ZONE, HOST, RACK],                        "a level is the host, and nothing is narrower"),
    "below the host's label":       ([{**HOST, "name": "node"}, RACK],          "a level is the host, and nothing is narrower"),
}  # fmt: skip


@pytest.mark.usefixtures("definitions")
@pytest.mark.parametrize(("levels", "words"), FABRICS.values(), ids=FABRICS)
async def test_fabrics_are_refused_as_we_would(levels: list[Json], words: str, api: Api) -> None:
    fabric: Json = {
        "apiVersion": "espalier.dev/v1alpha1",
        "kind": "Fabric",
        "metadata": {"name": "default"},
        "spec": {"levels": levels},
    }
    at = "/apis/espalier.dev/v1alpha1/fabrics"
    if not words:
        Fabric.model_validate(fabric)
        await api.post(at, fabric, dryRun="All", fieldValidation="Strict")
        return
    with pytest.raises(ValueError, match="level"):
        Fabric.model_validate(fabric)
    with pytest.raises(ApiError, match=words):
        await api.post(at, fabric, dryRun="All")


@pytest.mark.usefixtures("definitions")
async def test_groves_own_manifests_are_taken_as_we_write_them(manifests: Path, api: Api, fresh_namespace: str) -> None:
    """By whichever door they came: kubectl leaves out what is empty, Temporal's clients send it."""
    at = f"/apis/grove.io/v1alpha1/namespaces/{fresh_namespace}/podcliquesets"
    for made in [each.written() for each in declared_in(manifests)]:
        made["metadata"]["namespace"] = fresh_namespace
        await api.post(at, made, dryRun="All", fieldValidation="Strict")


def declared_in(folder: Path) -> list[InferenceSystem]:
    """What the files say."""
    found = [each for path in sorted(folder.glob("*/*.yaml")) for each in read(path.read_text(), path.name)]
    return [each for each in found if isinstance(each, InferenceSystem)]


@pytest.mark.usefixtures("definitions")
@pytest.mark.parametrize("path", [*SYSTEMS[-2:], *EXAMPLES], ids=lambda path: path.stem)
async def test_all_that_we_write_is_taken(path: Path, api: Api, fresh_namespace: str) -> None:
    (declared,) = read(path.read_text(), path.name)  # noqa: ASYNC240  # nothing else waits meanwhile
    assert isinstance(declared, InferenceSystem)
    made = system_object(declared)
    made["metadata"]["namespace"] = fresh_namespace
    uid = (await api.post(systems(fresh_namespace), made))["metadata"]["uid"]
    owner = Owner(declared.metadata.name, fresh_namespace, uid)
    for at, each in support(owner, declared, fresh_namespace):
        await api.post(at, each, dryRun="All", fieldValidation="Strict")
    pods, maker = f"/api/v1/namespaces/{fresh_namespace}/pods", PodMaker(owner, declared.spec)
    for slot in slots(declared.spec, {}):
        held = await api.post(pods, maker.pod(slot, 0), fieldValidation="Strict")
        pinned = await api.patch(f"{pods}/{held['metadata']['name']}", pinned_patch(held, "node-7"), "json", dryRun="All")
        assert "schedulingGates" not in pinned["spec"]
        await api.post(pods, maker.pod(slot, 1, "node-7"), dryRun="All", fieldValidation="Strict")


def support(owner: Owner, system: InferenceSystem, namespace: str) -> list[tuple[str, Json]]:
    """Everything but pods, with the path of its kind."""
    spec = system.spec
    return [
        *((f"/api/v1/namespaces/{namespace}/services", each) for each in services(owner, spec, {})),
        *((f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets", each) for each in disruption_budgets(owner, spec, {})),
        (f"/apis/apps/v1/namespaces/{namespace}/controllerrevisions", revision(owner, system, 1)),
    ]
