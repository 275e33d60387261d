"""What becomes of an edit of a PodCliqueSet by what was accepted before: what the API server is told, and what is sent."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from activities.cluster.kube import CLIQUE_SETS, REVISIONS, Manifest
from activities.listening.admission import Admission
from activities.listening.answering import Answers
from activities.listening.door import Admitted, Door
from activities.listening.inlet import Inlet
from activities.reports.answered_edits import AnsweredEdits
from activities.reports.edits import Declared
from activities.reports.events import Events
from specs.declaring import declared_system
from specs.manifests import revision
from specs.owners import Owner
from tests.activities.memory_kube import MemoryCluster, MemoryKube
from tests.activities.port import eventually
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


class Taker:
    """A door that takes everything."""

    def __init__(self) -> None:
        self.taken: list[Declared] = []

    async def declare(self, declared: Declared) -> Admitted:
        self.taken.append(declared)
        return Admitted(changed=True, generation=2)


async def test_what_is_sent_has_the_minimum_of_what_was_accepted_whoever_still_knows_of_it() -> None:
    """Also when the workflow that knew is gone, and a new one begins with the object."""
    cluster, door = MemoryCluster(), Taker()
    found = cluster.put(CLIQUE_SETS, stored(4))
    owner = replace(OWNER, uid=found["metadata"]["uid"])
    kept = cluster.put(REVISIONS, revision(owner, declared_system({**stored(3), "metadata": {"name": "llama"}}), 1))
    cache = cache_of()
    cache.note_written(CLIQUE_SETS, found)
    cache.note_written(REVISIONS, kept)
    kube = MemoryKube(cluster)
    events = Events(kube, now)
    inlet = Inlet(cache, cast(Door, door), Answers(kube, cache, events, AnsweredEdits(), now), unheard, unkept)
    inlet.look(CLIQUE_SETS, ("default", "llama"), anyhow=True)
    running = asyncio.create_task(inlet.run())
    await eventually(lambda: asyncio.sleep(0, bool(door.taken)))
    running.cancel()
    (told,) = door.taken
    cliques = told.manifest["spec"]["template"]["cliques"]
    assert [each["spec"].get("minAvailable") for each in cliques] == [3, None, 1]


def unheard(namespace: str, name: str) -> None:
    assert (namespace, name) == ("default", "llama")


async def unkept(found: Manifest) -> None:
    raise AssertionError(found)


def now() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)
