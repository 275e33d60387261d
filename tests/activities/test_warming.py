"""When a node counts as warmed up, as a table, and who waits for it, step by step."""

from datetime import timedelta
from typing import Any

import pytest

from activities.cache.pods import written_time
from activities.cluster.kube import Manifest
from activities.state.warming import is_warm, warmth
from specs.owners import Owner
from specs.revisions import revision_hash
from specs.system import InferenceSystem
from specs.warm_up import IMAGE, WarmUp, warm_pod
from tests.activities.plot import START, declared

JOB: dict[str, Any] = {"spec": {"containers": [{"name": "fetch", "image": "fetch:1"}]}}
PULLING = {"waiting": {"reason": "ContainerCreating"}}
CANNOT = {"waiting": {"reason": "ImagePullBackOff"}}
NO_PROGRAM = {"waiting": {"reason": "RunContainerError"}}
RUNS: Manifest = {"running": {}}
ENDED, FAILED = {"terminated": {"exitCode": 0}}, {"terminated": {"exitCode": 1}}

#                                       phase        of the job  of the image  warm   why not
STATES: dict[str, tuple[str, Manifest | None, Manifest, bool, str]] = {
    "not begun":                       ("Pending",   None,       PULLING,      False, ""),
    "an image can't be had":           ("Pending",   None,       CANNOT,       False, ""),
    "the image is there":              ("Running",   None,       RUNS,         True,  ""),
    "it has no such program":          ("Failed",    None,       FAILED,       True,  ""),
    "nor can it be run":               ("Running",   None,       NO_PROGRAM,   True,  ""),
    "the job runs":                    ("Running",   RUNS,       ENDED,        False, ""),
    "the job has ended, no image yet": ("Running",   ENDED,      PULLING,      False, ""),
    "both are done":                   ("Succeeded", ENDED,      ENDED,        True,  ""),
    "the job has failed":              ("Failed",    FAILED,     ENDED,        False, "container fetch failed"),
    "only the image's program has":    ("Failed",    ENDED,      FAILED,       True,  ""),
}  # fmt: skip


def pod(phase: str, job: Manifest | None, image: Manifest) -> Manifest:
    states = {**({"fetch": job} if job else {}), f"{IMAGE}0": image}
    statuses = [{"name": name, "ready": False, "state": state} for name, state in states.items()]
    made = warm_pod(Owner("llama", "default", "u"), WarmUp(template=JOB if job else None), "r1", "n1", TEMPLATES)
    made["metadata"]["creationTimestamp"] = written_time(START)
    return {**made, "status": {"phase": phase, "containerStatuses": statuses}}


TEMPLATES = [{"spec": {"containers": [{"name": "main", "image": "server:1"}], "imagePullSecrets": [{"name": "ours"}]}}]


@pytest.mark.parametrize(("phase", "job", "image", "warm", "why"), STATES.values(), ids=STATES)
def test_state(phase: str, job: Manifest | None, image: Manifest, warm: bool, why: str) -> None:
    found = pod(phase, job, image)
    heat = warmth(WarmUp(template=JOB if job else None), [found], START)
    assert (is_warm(found), heat.failure(found), heat.cold("r1", "n1")) == (warm, why, not warm and not why)
    assert heat.cold("r2", "n1"), "for another revision it is another"


def test_nobody_waits_longer_than_within() -> None:
    found = pod("Running", RUNS, PULLING)
    asked = WarmUp(template=JOB, within="30s")
    assert warmth(asked, [found], START + timedelta(seconds=29)).cold("r1", "n1")
    late = warmth(asked, [found], START + timedelta(seconds=30))
    assert (late.cold("r1", "n1"), late.failure(found)) == (False, "it did not end within 30s")


def test_its_pod_is_on_that_node_and_has_what_pulling_needs() -> None:
    made = pod("Pending", None, PULLING)
    assert (made["spec"]["nodeName"], made["spec"]["imagePullSecrets"]) == ("n1", [{"name": "ours"}])
    assert [each["image"] for each in made["spec"]["containers"]] == ["server:1"]
    other = warm_pod(Owner("llama", "default", "u"), WarmUp(), "r1", "n2", TEMPLATES)
    assert other["metadata"]["name"] != made["metadata"]["name"]


def test_it_changes_no_pod_and_so_no_revision() -> None:
    written: Any = declared().written()
    written["spec"]["warmUp"] = {"images": True}
    assert revision_hash(InferenceSystem.model_validate(written).spec) == revision_hash(declared().spec)


def test_one_that_would_fetch_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="warmUp fetches nothing"):
        WarmUp(images=False)
