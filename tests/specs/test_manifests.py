"""What is written to the cluster, as it is written."""

import copy
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs import names
from specs.counts import slots
from specs.disruption import disruption_budgets
from specs.gangs import expand
from specs.manifests import (
    Owner,
    PodMaker,
    pinned_patch,
    placement_object,
    placement_objects,
    revision,
    service,
    services,
    system_object,
)
from specs.reading import read
from specs.revisions import revision_hash, template_hash
from specs.system import InferenceSystem, Metadata, SystemSpec
from tests.specs.making import SYSTEMS, TEMPLATE, group, role, system, systems

OWNER = Owner("llama", "serving", "uid-1")
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PIN = {"key": "metadata.name", "operator": "In", "values": ["node-7"]}
GPU = {"matchExpressions": [{"key": "gpu", "operator": "Exists"}]}
SPOT = {"matchExpressions": [{"key": "spot", "operator": "Exists"}]}


def with_spec(**more: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "server", "image": "busybox"}], **more}}


def maker(**more: Any) -> PodMaker:
    return PodMaker(OWNER, system(role("router", template=with_spec(**more))))


def wanting(*terms: dict[str, Any]) -> dict[str, Any]:
    return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": list(terms)}}}


# A pod's own affinity, and the terms that it is left with when it is pinned.
PINS: dict[str, tuple[dict[str, Any] | None, list[dict[str, Any]]]] = {
    "none": (None, [{"matchFields": [PIN]}]),
    "of pods only": ({"podAntiAffinity": {}}, [{"matchFields": [PIN]}]),
    "preferred only": ({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}, [{"matchFields": [PIN]}]),
    "one term": (wanting(GPU), [{**GPU, "matchFields": [PIN]}]),
    "either of two": (wanting(GPU, SPOT), [{**GPU, "matchFields": [PIN]}, {**SPOT, "matchFields": [PIN]}]),
    "one with fields": (wanting({"matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["node-1"]}]}), [
        {"matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["node-1"]}, PIN]},
    ]),
}  # fmt: skip


@pytest.mark.parametrize(("affinity", "want"), PINS.values(), ids=PINS)
def test_a_pin_narrows_every_term(affinity: dict[str, Any] | None, want: list[dict[str, Any]]) -> None:
    made = maker(affinity=affinity) if affinity else maker()
    pinned = made.pod("0/router/0", 0, "node-7")
    assert pinned["spec"]["affinity"]["nodeAffinity"][REQUIRED]["nodeSelectorTerms"] == want
    held = made.pod("0/router/0", 0)
    assert patched(held, pinned_patch(held, "node-7")) == pinned


def patched(pod: dict[str, Any], patch: list[dict[str, Any]]) -> dict[str, Any]:
    """A JSON patch carried out, as the API server does it; an empty list of gates is left out."""
    pod = copy.deepcopy(pod)
    for step in patch:
        *path, last = step["path"].removeprefix("/").split("/")
        at: Any = pod
        for word in path:
            at = at[int(word)] if word.isdecimal() else at[word]
        if step["op"] == "test":
            assert at[last] == step["value"]
        elif step["op"] == "remove":
            del at[int(last)]
        elif last == "-":
            at.append(step["value"])
        else:
            at[last] = step["value"]
    if not pod["spec"]["schedulingGates"]:
        del pod["spec"]["schedulingGates"]
    return pod


def test_a_users_gate_stays() -> None:
    made = maker(schedulingGates=[{"name": "example.com/quota"}])
    held = made.pod("0/router/0", 0)
    assert [gate["name"] for gate in held["spec"]["schedulingGates"]] == ["example.com/quota", names.GATE]
    assert patched(held, pinned_patch(held, "node-7")) == made.pod("0/router/0", 0, "node-7")


def test_what_is_not_held_is_not_pinned() -> None:
    pod = maker().pod("0/router/0", 0, "node-7")
    with pytest.raises(ValueError, match=r"is not held by espalier\.dev/placement; delete it to move it"):
        pinned_patch(pod, "node-8")


def test_a_pod_says_whose_it_is() -> None:
    spec = system(role("router"), group("prefill", 3, role("leader"), role("worker", 3)))
    pod = PodMaker(OWNER, spec).pod("0/prefill/2/worker/1", 4)
    metadata = pod["metadata"]
    assert metadata["name"] == names.pod_name("llama", "uid-1", "0/prefill/2/worker/1", 4)
    assert {key: value for key, value in metadata["labels"].items() if "espalier" in key} == {
        names.SYSTEM: "llama",
        names.SYSTEM_UID: "uid-1",
        names.COPY: "0",
        names.ROLE: "prefill.worker",
        names.GROUP: "prefill",
        names.REPLICA: "0.prefill.2",
        names.GANG: "llama-0-prefill-2",
        names.REVISION: revision_hash(spec),
        names.TEMPLATE: template_hash(role("worker")),
    }
    assert metadata["annotations"] == {
        names.ROLE: "prefill/worker",
        names.SLOT: "0/prefill/2/worker/1",
        names.INCARNATION: "4",
    }
    assert metadata["ownerReferences"][0]["uid"] == "uid-1"
    assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == ("llama-0-prefill-2-worker-1", "llama-0")


def test_every_container_is_told_its_place_before_its_own_variables() -> None:
    own = {"name": "RANK", "value": "$(ESPALIER_GROUP_RANK)"}
    containers = [{"name": "server", "image": "busybox", "env": [own]}]
    template = with_spec(containers=containers, initContainers=[{"name": "download", "image": "busybox"}])
    spec = system(group("prefill", 1, role("leader", 2), role("worker", 3, template=template)))
    pod = PodMaker(OWNER, spec).pod("1/prefill/0/worker/2", 0)
    env = {each["name"]: each["value"] for each in pod["spec"]["initContainers"][0]["env"]}
    assert env == {
        "ESPALIER_SYSTEM": "llama",
        "ESPALIER_COPY": "1",
        "ESPALIER_ROLE": "prefill/worker",
        "ESPALIER_POD_INDEX": "2",
        "ESPALIER_SLOT": "1/prefill/0/worker/2",
        "ESPALIER_GROUP": "prefill",
        "ESPALIER_GROUP_INDEX": "0",
        "ESPALIER_GROUP_SIZE": "5",
        "ESPALIER_GROUP_RANK": "4",
        "ESPALIER_SERVICE": "llama-1.serving.svc",
        "ESPALIER_LEADER": "llama-1-prefill-0-leader-0.llama-1.serving.svc",
        "ESPALIER_REVISION": revision_hash(spec),
    }
    assert pod["spec"]["containers"][0]["env"][-1] == own


def test_a_container_that_fails_tells_its_last_lines_unless_the_user_says_otherwise() -> None:
    own = {"name": "own", "image": "busybox", "terminationMessagePolicy": "File"}
    made = maker(containers=[own, {"name": "server", "image": "busybox"}]).pod("0/router/0", 0, "node-7")
    assert [each["terminationMessagePolicy"] for each in made["spec"]["containers"]] == ["File", "FallbackToLogsOnError"]


def test_what_is_the_users_is_kept() -> None:
    template = {
        "metadata": {"labels": {"team": "search", "app.kubernetes.io/name": "sglang"}, "annotations": {"note": "x"}},
        **with_spec(tolerations=[{"operator": "Exists"}], terminationGracePeriodSeconds=5),
    }
    spec = system(role("router", template=template), services="none")
    before = json.dumps(template)
    pod = PodMaker(OWNER, spec).pod("0/router/0", 0, "node-7")
    assert pod["metadata"]["labels"]["team"] == "search"
    assert pod["metadata"]["labels"]["app.kubernetes.io/name"] == "sglang"
    assert pod["metadata"]["annotations"]["note"] == "x"
    assert pod["spec"]["tolerations"] == [{"operator": "Exists"}]
    assert "subdomain" not in pod["spec"]
    assert json.dumps(template) == before


def test_pods_are_made_quickly() -> None:
    spec = system(role("a"), role("b"), replicas=1_000)
    wanted = list(slots(spec, {}))
    made = PodMaker(OWNER, spec)
    started = time.perf_counter()
    for slot in wanted:
        made.pod(slot, 0, "node-7")
    assert (time.perf_counter() - started) / len(wanted) < 500e-6  # 25 us here, alone on 2 cores


def test_a_slot_of_no_role_has_no_pod() -> None:
    with pytest.raises(LookupError, match="'0/ruter/0' is no part of this system; did you mean 'router'"):
        maker().pod("0/ruter/0", 0)


def test_a_service_for_every_copy_or_none() -> None:
    found = services(OWNER, system(role("a")), {"copies": 2})
    assert found == [service(OWNER, 0), service(OWNER, 1)]
    assert found[1]["spec"] == {
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": {names.SYSTEM: "llama", names.COPY: "1"},
    }
    assert services(OWNER, system(role("a"), services="none"), {"copies": 2}) == []


def test_placements_hold_at_most_512_pods() -> None:
    spec = system(role("a", 100), replicas=13)
    gangs = expand("llama", spec, {})
    made = placement_objects(OWNER, spec, gangs)
    assert [sum(len(gang["slots"]) for gang in each["spec"]["gangs"]) for each in made] == [500, 500, 300]
    assert len({each["metadata"]["name"] for each in made}) == 3
    with pytest.raises(ValueError, match="512 pods, and these gangs have 1300"):
        placement_object(OWNER, spec, gangs)
    assert len(placement_objects(OWNER, system(role("a", 600)), expand("llama", system(role("a", 600)), {}))) == 1
    assert placement_objects(OWNER, spec, ()) == []


def test_a_revision_is_the_template_without_counts() -> None:
    def hashed(**more: Any) -> str:
        worker = role("w", more.pop("workers", 3), minAvailable=1, template=more.pop("template", TEMPLATE))
        return revision_hash(system(group("g", more.pop("groups", 2), worker, **more.pop("group", {})), **more))

    same: list[dict[str, Any]] = [{}, {"replicas": 9}, {"groups": 5}, {"workers": 4}, {"priority": 7}]
    other: list[dict[str, Any]] = [
        {"start": "inOrder"},
        {"place": {"within": "rack"}},
        {"template": with_spec(hostNetwork=True)},
        {"group": {"minAvailable": 2}},
    ]
    assert len({hashed(**change) for change in same}) == 1
    assert len({hashed(**change) for change in [{}, *other]}) == 5
    assert revision_hash(system(role("w", 2))) != revision_hash(system(role("w", 3)))  # its minimum is all of them


def test_hashes_are_what_they_were() -> None:
    assert revision_hash(system(role("a"), group("g", 2, role("w")))) == "t45ql48n8j"
    assert template_hash(role("a")) == "q28rsk5g5m"


@pytest.mark.parametrize("path", SYSTEMS, ids=lambda path: path.stem)
def test_what_is_kept_is_what_was_written(path: Path) -> None:
    (declared,) = read(path.read_text(), path.name)
    assert isinstance(declared, InferenceSystem)
    again = InferenceSystem.model_validate(system_object(declared))
    assert again.spec.members == declared.spec.members
    kept = SystemSpec.model_validate(revision(OWNER, declared, 1)["data"]["spec"])
    assert kept == declared.spec
    assert revision_hash(kept) == revision_hash(again.spec) == revision_hash(declared.spec)


@given(systems(), st.booleans())
def test_every_manifest_is_plain_json_and_ours(spec: SystemSpec, pinned: bool) -> None:
    made = PodMaker(OWNER, spec)
    gangs = expand("llama", spec, {})
    pods = [made.pod(slot, 0, "node-7" if pinned else None) for slot in slots(spec, {})]
    written = [*pods, *services(OWNER, spec, {}), *disruption_budgets(OWNER, spec, {}), *placement_objects(OWNER, spec, gangs)]
    declared = InferenceSystem(metadata=Metadata(name="llama", namespace="serving"), spec=spec)
    for each in [*written, revision(OWNER, declared, 1)]:
        assert json.loads(json.dumps(each)) == each
        assert each["metadata"]["labels"][names.SYSTEM] == "llama"
        assert all(len(value) <= 63 for value in each["metadata"]["labels"].values())
    assert {pod["metadata"]["labels"][names.GANG] for pod in pods} == {gang.name for gang in gangs}


def test_pods_that_autoscalers_are_to_leave_alone_say_so() -> None:
    declared = system(role("router"))
    kept = PodMaker(OWNER, declared.model_copy(update={"evictable": False})).pod("0/router/0", 0)["metadata"]["annotations"]
    assert kept["karpenter.sh/do-not-disrupt"] == "true"
    assert kept["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"
    assert "karpenter.sh/do-not-disrupt" not in PodMaker(OWNER, declared).pod("0/router/0", 0)["metadata"]["annotations"]
