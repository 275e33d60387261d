"""When a pod that was changed in place is the new one, and that a restart which was asked for is no crash, as tables."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from activities.cache.pods import read_pod
from activities.cache.renewed import note_of, restarts_before
from activities.cache.trim import trimmed_pod
from activities.cluster.kube import Manifest
from specs import names

CHANGED = datetime(2026, 1, 1, 12, tzinfo=UTC)
BEFORE = "2026-01-01T11:00:00Z"


def pod(restarts: int, runs: str, ready: bool, note: str | None = None, exit_code: int = 143) -> Manifest:
    """Of image `server:2`, changed from `server:1` when its container had restarted twice."""
    said = json.dumps({"at": CHANGED.isoformat(), "restarts": {"main": 2}}) if note is None else note
    ended = {"terminated": {"exitCode": exit_code}}
    status: dict[str, Any] = {"name": "main", "image": runs, "restartCount": restarts, "ready": ready, "lastState": ended}
    flag = {"type": "Ready", "status": str(ready), "lastTransitionTime": BEFORE}
    annotations = {names.SLOT: "0/decode/0", names.ROLE: "decode", names.RENEWED: said}
    return {
        "metadata": {"name": "p", "namespace": "d", "uid": "u", "labels": {names.SYSTEM: "llama"}, "annotations": annotations},
        "spec": {"nodeName": "n", "containers": [{"name": "main", "image": "server:2"}]},
        "status": {"phase": "Running", "conditions": [flag], "containerStatuses": [status]},
    }


#                                   restarts  runs        ready    is Ready  renews  crashes
SEEN: dict[str, tuple[int, str, bool, bool, bool, bool]] = {
    "its kubelet knows nothing":   (2,        "server:1", True,    False,    True,   False),
    "it has ended":                (2,        "server:1", False,   False,    True,   False),
    "it has restarted":            (3,        "server:2", False,   False,    True,   False),
    "and is Ready":                (3,        "server:2", True,    True,     False,  False),
    "under another name":          (3,        "sha256:7", True,    True,     False,  False),
    "it restarts again":           (4,        "server:2", False,   False,    False,  False),
    "and again":                   (5,        "server:2", False,   False,    False,  True),
}  # fmt: skip


@pytest.mark.parametrize(("restarts", "runs", "ready", "is_ready", "renews", "crashes"), SEEN.values(), ids=SEEN)
def test_348_of_rbg_a_restart_that_was_asked_for_is_no_crash(
    restarts: int, runs: str, ready: bool, is_ready: bool, renews: bool, crashes: bool
) -> None:
    found = read_pod(trimmed_pod(pod(restarts, runs, ready)))
    assert found is not None
    assert (found.ready, found.renewing, found.failure is not None) == (is_ready, renews, crashes)
    assert found.turned == CHANGED, "what it has to be Ready for begins with the change"


@pytest.mark.parametrize("note", ["", "nonsense", "[]", '{"restarts": 7}', '{"at": "never", "restarts": {}}', '{"at": 3}'])
def test_what_somebody_else_wrote_there_is_taken_for_nothing(note: str) -> None:
    found = read_pod(trimmed_pod(pod(2, "server:1", ready=True, note=note)))
    assert found is not None
    assert (found.ready, found.renewing) == (True, False)


def test_a_change_upon_a_change_waits_for_all_that_was_changed() -> None:
    changed = pod(2, "server:1", ready=True)
    changed["status"]["containerStatuses"].append({"name": "side", "restartCount": 5})
    (noted,) = note_of(changed, ["side"], CHANGED).values()
    changed["metadata"]["annotations"][names.RENEWED] = noted
    assert restarts_before(changed) == {"main": 2, "side": 5}
    assert note_of(changed, [], CHANGED) == {}, "labels alone restart nothing"
