"""What the API server is told of an edit, by what was accepted before."""

from typing import Any

import pytest

from activities.cluster.kube import REVISIONS, Manifest
from activities.listening.admission import Admission
from specs.declaring import declared_system
from specs.manifests import revision
from specs.owners import Owner
from tests.activities.test_bindings import cache_of
from tests.workers.grove_set import clique, declared

OWNER = Owner("llama", "default", "u", "PodCliqueSet")


def stored(replicas: int, **spec: Any) -> Manifest:
    """As the API server has it: a clique whose minAvailable is left out, or as `spec` says."""
    made = declared()
    made["metadata"] = {"name": "llama", "uid": "u"}
    made["spec"]["template"]["cliques"][0] = clique("router", replicas, **spec)
    return made


#                                    stored before      to be stored                    why it is refused
EDITS: dict[str, tuple[Manifest, Manifest, str]] = {
    "more":                          (stored(3),        stored(4),                      ""),
    "more, and one fewer at once":   (stored(4),        stored(3),                      ""),
    "an autoscaler of the minimum":  (stored(4),        stored(4, autoScalingConfig={"minReplicas": 3, "maxReplicas": 5}), ""),
    "what it was, written down":     (stored(4),        stored(4, minAvailable=3),      ""),
    "what it was, no longer said":   (stored(4, minAvailable=3), stored(4),             ""),
    "another":                       (stored(3),        stored(3, minAvailable=2),      "minAvailable: field is immutable"),
    "fewer than the minimum":        (stored(4),        stored(2),                      "must not be greater than replicas 2"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "why"), EDITS.values(), ids=EDITS)
def test_a_minimum_that_is_left_out_is_the_one_that_was_accepted_first(old: Manifest, new: Manifest, why: str) -> None:
    kept = revision(OWNER, declared_system({**stored(3), "metadata": {"name": "llama"}}), 1)
    request = {"uid": "r", "name": "llama", "namespace": "default", "object": new}
    old["metadata"] |= {"namespace": "default"}
    said = Admission(cache_of((REVISIONS, kept))).review({"request": {**request, "oldObject": old}})["response"]
    assert said["allowed"] == (not why), said
    assert why in said.get("status", {}).get("message", "")
