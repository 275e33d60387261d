"""What is told of a pod that does not run: a table of what kubelets write, then the way to the status of its system."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from activities.cache.accepted import Accepted
from activities.cache.failures import Failure, failure_of
from activities.cache.pods import Pod, read_pod
from activities.cache.trim import trimmed_pod
from activities.cluster.kube import Manifest
from activities.listening.lookout import called
from activities.messages import Observation, Order, Ref
from activities.reports.statuses import status_of
from activities.state.cases import Case
from activities.steps.observing import observed
from specs import names
from specs.sections import condition
from tests.activities.test_digest import BASE, W0, W1, R, placement, plan, pod, seen
from workflows.decide import WAIT, next_step

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def container(restarts: int = 0, *, ready: bool = False, last: Manifest | None = None, **state: Manifest) -> Manifest:
    return {"name": "main", "ready": ready, "restartCount": restarts, "state": state, "lastState": {"terminated": last or {}}}


def manifest(*containers: Manifest, **status: Any) -> Manifest:
    metadata = {
        "name": "w0-x", "namespace": "room", "uid": "u", "labels": {names.SYSTEM: "llama"},
        "annotations": {names.SLOT: W0, names.ROLE: "worker"},
    }  # fmt: skip
    said = {"phase": "Running", "containerStatuses": list(containers), **status}
    return {"metadata": metadata, "spec": {"nodeName": "a", "containers": []}, "status": said}


PAUSED: Manifest = {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container"}
NO_IMAGE: Manifest = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "serve:9"'}
NO_CONFIG: Manifest = {"reason": "CreateContainerConfigError", "message": 'secret "token" not found'}
OOM: Manifest = {"exitCode": 137, "reason": "OOMKilled"}
ERROR: Manifest = {"exitCode": 1, "reason": "Error", "message": "no such model\n"}
LOG: Manifest = {"exitCode": 1, "message": "loading\nCUDA out of memory\n"}
WELL: Manifest = {"exitCode": 0, "reason": "Completed"}
OUT_OF_DISK: Manifest = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: ephemeral-storage."}

#                           pod                                                        reason and message; None: nothing is wrong
TOLD: dict[str, tuple[Manifest, Failure | None]] = {
    "nothing said yet":     ({"metadata": {}},                                         None),
    "is created":           (manifest(container(waiting={"reason": "ContainerCreating"})), None),
    "starts":               (manifest(container(running={})),                          None),
    "restarted once":       (manifest(container(1, running={}, last=ERROR)),           None),
    "ran again":            (manifest(container(9, ready=True, running={}, last=OOM)), None),
    "ended well, twice":    (manifest(container(2, running={}, last=WELL)),            None),
    "finished":             (manifest(phase="Succeeded"),                              None),
    "restarted twice":      (manifest(container(2, running={}, last=OOM)),
                             Failure("CrashLooping", "container main ended with exit code 137 (OOMKilled), restarted 2 times")),
    "the kubelet pauses":   (manifest(container(1, waiting=PAUSED, last=ERROR)),
                             Failure("CrashLooping", "container main ended with exit code 1: no such model, restarted once")),
    "its last log lines":   (manifest(container(1, waiting=PAUSED, last=LOG)),
                             Failure("CrashLooping", "container main ended with exit code 1: loading | CUDA out of memory, "
                                     "restarted once")),
    "the end of a long log": (manifest(container(4, terminated={"exitCode": 1, "message": "x" * 300 + "\nkilled"})),
                             Failure("CrashLooping", f"container main ended with exit code 1: ...{'x' * 188} | killed, "
                                     "restarted 4 times")),
    "has just ended":       (manifest(container(4, terminated=ERROR)),
                             Failure("CrashLooping", "container main ended with exit code 1: no such model, restarted 4 times")),
    "loops without a word": (manifest(container(7, waiting=PAUSED)),
                             Failure("CrashLooping", "container main, restarted 7 times")),
    "prepares in vain":     (manifest(initContainerStatuses=[container(3, waiting=PAUSED, last=OOM)]),
                             Failure("CrashLooping", "container main ended with exit code 137 (OOMKilled), restarted 3 times")),
    "has no image":         (manifest(container(waiting=NO_IMAGE)),
                             Failure("CannotPullImage", 'container main: ImagePullBackOff: Back-off pulling image "serve:9"')),
    "lacks a secret":       (manifest(container(waiting=NO_CONFIG)),
                             Failure("CannotStart", 'container main: CreateContainerConfigError: secret "token" not found')),
    "failed":               (manifest(container(terminated=ERROR), phase="Failed"),
                             Failure("PodFailed", "container main ended with exit code 1: no such model")),
    "failed, and is mute":  (manifest(phase="Failed"), Failure("PodFailed", "it says nothing of why")),
    "evicted":              (manifest(**OUT_OF_DISK),
                             Failure("Evicted", "Evicted: The node was low on resource: ephemeral-storage.")),
}  # fmt: skip


@pytest.mark.parametrize(("found", "want"), TOLD.values(), ids=TOLD)
def test_what_is_told(found: Manifest, want: Failure | None) -> None:
    assert failure_of(found) == want


def test_the_cache_keeps_what_tells_it() -> None:
    for found, want in list(TOLD.values())[1:]:
        assert failure_of(trimmed_pod(found)) == want


def read(*containers: Manifest) -> Pod:
    found = read_pod(manifest(*containers))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("was", "now", "call"),
    [
        (container(running={}), container(2, terminated=OOM), "tell"),
        (container(2, terminated=OOM), container(3, waiting=PAUSED, last=OOM), None),
        (container(3, waiting=PAUSED, last=OOM), container(4, ready=True, running={}, last=OOM), "tell"),
    ],
)
def test_its_workflow_hears_when_it_begins_and_ends_not_of_every_restart(was: Manifest, now: Manifest, call: str | None) -> None:
    assert called(read(was), read(now)) == call


ORDER = Order(ref=Ref(namespace="room", name="llama"), uid="u1", generation=1, recorded=1, operation="Startup: applied")


def told(*pods: Pod, start: str = "anyOrder") -> Observation:
    blueprint = plan(start)
    found = seen(blueprint, pods, [placement({R: "a", W0: "a", W1: "a"}, [BASE])])
    facts = observed(Case(ORDER, cast(Accepted, None), blueprint, found))
    return Observation.model_validate({"exists": True, "recorded": 1, **facts})


def test_it_is_degraded_and_says_which_pod_why_and_where_to_look() -> None:
    ill = read(container(3, waiting=PAUSED, last=OOM))
    found = told(pod(R, node="a", ready=True, name="r"), ill, pod(W1, node="a", ready=True, name="w1"))
    status = status_of(ORDER, found, {"metadata": {"generation": 1}, "spec": {}}, NOW)
    assert (status["phase"], status["reason"]) == ("Degraded", "CrashLooping")
    assert "pod w0-x on node a: container main ended with exit code 137 (OOMKilled), restarted 3 times" in status["message"]
    assert "kubectl logs -n room w0-x --previous" in status["message"]
    ready = condition({"status": status}, "Ready")
    assert (ready["status"], ready["reason"], ready["message"]) == ("False", "CrashLooping", status["message"])


def test_what_fails_is_told_before_what_waits_for_it() -> None:
    ill = pod(R, node="a", name="r", failure=Failure("CannotPullImage", "no such image"))
    held = [pod(slot, gated=True, nominated="a", name=slot) for slot in (W0, W1)]
    found = told(ill, *held, start="inOrder")
    assert [(wait.reason, wait.gangs) for wait in found.waits] == [("CannotPullImage", 1), ("StartOrder", 2)]
    step = next_step(ORDER, found.model_copy(update={"support": 0}))
    assert (step.action, step.reason) == (WAIT, "CannotPullImage")


def test_a_pod_that_only_starts_is_no_failure() -> None:
    found = told(*(pod(slot, node="a", name=slot) for slot in (R, W0, W1)))
    assert not found.failing
    assert status_of(ORDER, found, {"metadata": {"generation": 1}, "spec": {}}, NOW)["phase"] == "Starting"
