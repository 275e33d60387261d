"""Several changes come before anybody has looked: nobody undoes the later one by acting on the earlier."""

import pytest

from specs.sections import is_true
from tests.workers.simulated.making import Play
from workers.simulated import objects
from workers.simulated.api import Where
from workers.simulated.fleets import node
from workers.simulated.kinds import NODES, PODS, Resource

CONFIG_MAPS = Resource("v1", "ConfigMap", "configmaps")


def test_a_pod_whose_owner_has_gone_is_not_bound_when_room_comes() -> None:
    play = Play(nodes=0)
    api = play.cluster.api
    owner = api.create(CONFIG_MAPS, "default", {"metadata": {"name": "owner"}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    owned = {"metadata": {"name": "one", "ownerReferences": [reference]}, "spec": {"containers": [{"name": "main"}]}}
    api.create(PODS, "default", owned)
    play.cluster.settle()
    api.delete(Where(CONFIG_MAPS, "default", "owner"), {})
    api.create(NODES, "", node("n0", {}, {"cpu": "4", "memory": "1Gi", "pods": "10"}))
    play.cluster.settle()
    assert play.pod("one") is None


def test_a_node_that_is_cordoned_and_opened_is_open() -> None:
    play = Play(nodes=1)
    here = Where(NODES, "", "n0")
    play.cluster.api.patch(here, {"spec": {"unschedulable": True}})
    play.cluster.api.patch(here, {"spec": {"unschedulable": None}})
    play.cluster.settle()
    assert play.cluster.api.get(here)["spec"] == {"taints": []}


def test_a_pod_that_gets_its_old_image_back_has_it() -> None:
    play = Play(nodes=1)
    old = play.make("one")["spec"]["containers"]
    here = Where(PODS, "default", "one")
    for containers in ([{**old[0], "image": "busybox:2"}], old):
        play.cluster.api.patch(here, {"spec": {"containers": containers}})
    play.cluster.settle()
    assert play.cluster.api.get(here)["spec"]["containers"] == old


def test_more_changes_than_a_watch_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fleet that comes at once: every node becomes ready, also beyond what is remembered for watches."""
    monkeypatch.setattr(objects, "REMEMBERED", 4)
    play = Play(nodes=10)
    assert [is_true(node, "Ready") for node in play.cluster.objects.all(NODES)] == [True] * 10
    assert play.make("one")["metadata"]["name"] == "one"
    assert play.cluster.objects.since(play.cluster.objects.version - 5) is None
