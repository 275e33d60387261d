"""What is bound overfull, and slots with two pods: told event by event."""

import pytest

from tests.chaos.bound import Bound, amount
from tests.chaos.heads import NAME, Heads
from tests.cluster.api import Json


def pod(uid: str, node: str = "n", slot: str = "0/a/0", **more: object) -> Json:
    container = {"resources": {"requests": {"cpu": "600m", "nvidia.com/gpu": "1"}}}
    metadata = {"uid": uid, "labels": {"espalier.dev/system": "s"}, "annotations": {"espalier.dev/slot": slot}}
    return {"metadata": {**metadata, **more}, "spec": {"nodeName": node, "containers": [container]}}


def told(has: dict[str, float], *events: tuple[str, Json]) -> list[str]:
    bound = Bound({"n": {"pods": 9, **has}})
    return [each for kind, item in events for each in bound.seen({"type": kind, "object": item})]


@pytest.mark.parametrize(("quantity", "is_"), [("100m", 0.1), ("2", 2), ("1Ki", 1024), ("3Gi", 3 * 2**30)])
def test_quantities(quantity: str, is_: float) -> None:
    assert amount(quantity) == is_


@pytest.mark.parametrize("has", [{"cpu": 1, "nvidia.com/gpu": 4}, {"cpu": 8, "nvidia.com/gpu": 1}, {"cpu": 8}])
def test_of_no_resource_is_more_bound_than_there_is(has: dict[str, float]) -> None:
    first, second = ("ADDED", pod("u")), ("ADDED", pod("v", slot="0/a/1"))
    assert len(told(has, first, second)) == (1 if len(has) > 1 else 2)
    gone = ("DELETED", pod("u"))
    assert told({"cpu": 1, "nvidia.com/gpu": 1}, first, gone, second) == []


def test_a_slot_has_one_pod_that_stays() -> None:
    has = {"cpu": 9.0, "nvidia.com/gpu": 9.0}
    leaving = ("MODIFIED", pod("u", deletionTimestamp="now"))
    assert told(has, ("ADDED", pod("u")), leaving, ("ADDED", pod("v"))) == []
    assert told(has, ("ADDED", pod("u")), ("ADDED", pod("v"))) == ["s/0/a/0 has 2 pods"]


def commit(sequence: int, pending: str = "[]", version: int = 1, epoch: int = 7) -> Json:
    data = {"epoch": str(epoch), "sequence": str(sequence), "pending": pending}
    return {"type": "MODIFIED", "object": {"metadata": {"name": NAME, "resourceVersion": str(version)}, "data": data}}


def test_commits_follow_one_another() -> None:
    heads = Heads()
    heads.seen({**commit(3), "late": True})
    assert heads.seen(commit(4)) == []
    assert heads.seen(commit(4)) == ["the ledger is at (7, 4), after (7, 4)"]
    assert heads.seen(commit(0, epoch=8)) == [], "it was made anew"


def test_a_commit_is_laid_over_the_placements_before_it() -> None:
    heads = Heads()
    heads.seen(commit(1, '[["ns", "p", "u", {"a": null, "b": "n2"}], ["ns", "gone", "u", {"c": "n1"}]]', version=5))
    assert heads.before(5) == []
    (head,) = heads.before(6)
    assert head.over({"p": {"a": "n1"}, "q": {"d": "n3"}}) == {"p": {"b": "n2"}, "q": {"d": "n3"}}
    assert heads.before(6) == []
