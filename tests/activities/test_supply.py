"""What the agent keeps of other people's pods while nobody asks for room."""

from typing import cast

from activities.agent import FOLLOWED
from activities.cache.accepted import Acceptances
from activities.cache.cache import Cache
from activities.cache.census import Census
from activities.cluster.kube import Kube, Manifest
from activities.room.supply import FleetSupply


def pod(index: int) -> Manifest:
    metadata = {"namespace": "other", "name": f"job-{index}", "uid": f"uid-{index}"}
    return {"metadata": metadata, "spec": {"nodeName": "n0", "containers": []}, "status": {"phase": "Running"}}


def supply() -> FleetSupply:
    cache = Cache(cast(Kube, None), FOLLOWED)
    return FleetSupply(cache, cast(Census, None), Acceptances(cache))


def test_pods_that_come_and_go_leave_nothing() -> None:
    fleet = supply()
    for index in range(1_000):
        assert fleet.pod_changed(None, pod(index)) is False
        assert fleet.pod_changed(pod(index), None) is True
    assert fleet.noted == 0


def test_a_pod_that_was_counted_is_taken_out() -> None:
    fleet = supply()
    fleet.pod_changed(None, pod(1))
    fleet.prepare([])
    fleet.pod_changed(pod(1), None)
    assert fleet.noted == 1
    fleet.prepare([])
    fleet.pod_changed(pod(1), None)
    assert fleet.noted == 0


def test_what_was_taken_in_need_not_be_taken_in_by_a_question() -> None:
    fleet = supply()
    fleet.pod_changed(None, pod(1))
    fleet.take_in()()
    assert fleet.noted == 0
    study = fleet.study([], lambda room, _: room.holders("n0"))
    assert [seat for seat, _ in study()] == [("other", "", "job-1")]
