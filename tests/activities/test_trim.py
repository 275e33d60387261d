"""What the cache keeps of pods and nodes."""

import orjson
import pytest

from activities.cache.pods import read_pod
from activities.cache.trim import trimmed, trimmed_node, trimmed_pod
from activities.cluster.kube import Manifest
from specs import names
from topology.supply.claims import read_claim

METADATA: Manifest = {
    "name": "one",
    "namespace": "x",
    "uid": "u",
    "resourceVersion": "7",
    "labels": {names.SYSTEM: "s"},
    "managedFields": [{"manager": "somebody"}],
}
CONTAINER = {"name": "main", "image": "busybox", "command": ["sleep"], "env": [{"name": "TOKEN", "value": "secret"}]}
NEEDS = {"requests": {"cpu": "1"}}


def pod(**status: object) -> Manifest:
    annotations = {names.SLOT: "0/router/1", "kubectl.kubernetes.io/last-applied-configuration": "{...}"}
    spec = {
        "nodeName": "n1",
        "volumes": [{"name": "v"}],
        "containers": [{**CONTAINER, "resources": NEEDS}],
        "initContainers": [{**CONTAINER, "restartPolicy": "Always"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**METADATA, "annotations": annotations},
        "spec": spec,
        "status": status,
    }


def test_of_a_pod_what_decisions_need() -> None:
    kept = trimmed_pod(pod(phase="Running", podIP="10.0.0.1", conditions=[{"type": "Ready", "status": "True"}]))
    assert kept["metadata"] == {
        "name": "one",
        "namespace": "x",
        "uid": "u",
        "resourceVersion": "7",
        "labels": {names.SYSTEM: "s"},
        "annotations": {names.SLOT: "0/router/1"},
    }
    assert kept["spec"] == {
        "nodeName": "n1",
        "containers": [{"name": "main", "resources": NEEDS}],
        "initContainers": [{"name": "main", "restartPolicy": "Always"}],
    }
    assert kept["status"] == {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}


@pytest.mark.parametrize(("told", "known"), [("2026-01-01T00:00:00Z", True), ("2026-01-01T00:00:00", False), ("soon", False)])
def test_of_a_pod_that_is_to_go_what_it_was_told_and_what_it_says(told: str, known: bool) -> None:
    made = pod(conditions=[{"type": "x.com/Drained", "status": "True"}, {"type": "Ready", "status": "False"}])
    made["metadata"]["annotations"][names.DRAINING] = told
    found = read_pod(trimmed_pod(made))
    assert found is not None
    assert (found.draining is not None, found.conditions) == (known, frozenset({"x.com/Drained"}))


def test_of_others_pods_only_what_they_take() -> None:
    made = pod(phase="Running", podIP="10.0.0.1", conditions=[{"type": "Ready", "status": "True"}])
    metadata = {"labels": {"app": "x"}, "ownerReferences": [{"uid": "o"}], "deletionTimestamp": "2026-01-01T00:00:00Z"}
    made["metadata"] |= metadata | {"annotations": {names.GPU_MILLI: "500", "prometheus.io/scrape": "true"}}
    kept = trimmed_pod(made)
    identity = {"name": "one", "namespace": "x", "uid": "u", "resourceVersion": "7", "deletionTimestamp": "2026-01-01T00:00:00Z"}
    assert kept["metadata"] == {**identity, "annotations": {names.GPU_MILLI: "500"}}
    assert kept["spec"] == {
        "nodeName": "n1",
        "containers": [{"resources": NEEDS}],
        "initContainers": [{"restartPolicy": "Always"}],
    }
    assert kept["status"] == {"phase": "Running"}
    assert read_claim(kept) == read_claim(made)


def test_equal_parts_are_in_memory_once() -> None:
    for trim, made in ((trimmed_pod, pod), (trimmed_pod, foreign), (trimmed_node, bare_node)):
        one, other = (trim(orjson.loads(orjson.dumps(made()))) for _ in range(2))
        assert shared(one) & shared(other), trim


def foreign() -> Manifest:
    made = pod()
    made["metadata"] = {**made["metadata"], "labels": {}}
    return made


def bare_node() -> Manifest:
    return {"metadata": METADATA, "spec": {}, "status": {"allocatable": {"cpu": "4", "pods": "110"}}}


def shared(kept: Manifest) -> set[int]:
    """Parts of some size, by where they are in memory."""
    return {id(part) for part in (kept["spec"].get("containers"), kept["status"].get("allocatable")) if part}


def test_of_containers_only_the_ill() -> None:
    well = {"name": "main", "ready": True, "containerID": "a"}
    ill = {"name": "main", "ready": False, "containerID": "b", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    kept = trimmed_pod(pod(containerStatuses=[well, ill]))
    assert kept["status"]["containerStatuses"] == [
        {"name": "main", "ready": False, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    ]


def test_of_a_node_neither_images_nor_heartbeats() -> None:
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": "2026-01-01T00:00:00Z"}
    status = {"allocatable": {"cpu": "4"}, "images": [{"names": ["large"]}], "conditions": [ready]}
    kept = trimmed_node({"metadata": METADATA, "spec": {"unschedulable": True, "podCIDR": "10.0.0.0/24"}, "status": status})
    assert kept["spec"] == {"unschedulable": True}
    assert kept["status"] == {
        "allocatable": {"cpu": "4"},
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
    }


def test_of_other_kinds_all_but_the_managers() -> None:
    item: Manifest = {"kind": "Placement", "metadata": METADATA, "spec": {"gangs": []}}
    assert trimmed(item) == {**item, "metadata": {key: value for key, value in METADATA.items() if key != "managedFields"}}
    assert "managedFields" in METADATA, "what is given is not changed"


def test_bare_objects_are_no_trouble() -> None:
    bare: Manifest = {"metadata": {"name": "one", "resourceVersion": "1"}}
    for trim in (trimmed, trimmed_pod, trimmed_node):
        assert trim(bare)["metadata"] == bare["metadata"]
