"""Where pods share GPUs, each goes where its host loses least of what it is worth to the pods that usually come."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from specs.fabric import FabricSpec
from tests.topology.test_sharing import gang, grant, node, template
from topology.demand import Demand, Granted
from topology.placement import place
from topology.supply.devices import Ask
from topology.supply.fleet import Fleet
from topology.supply.fractions import held
from topology.supply.learned import DOCUMENTED, LEAST, declared_mix, kind_of
from topology.supply.losses import losses
from topology.supply.shapes import shape_of
from topology.supply.snapshot import read_fleet
from topology.supply.usual import Mix, Usual

LARGE = Usual(32_000, 0, Ask(count=1))
"""A pod that uses up the cpu of a node together with another of its kind."""


def cpu_left(name: str, cpu: int, gpus: int = 2) -> dict[str, Any]:
    made = node(name, gpus)
    made["status"]["allocatable"]["cpu"] = str(cpu)
    return made


def chosen(fleet: Fleet, demand: Demand) -> str:
    found = place(fleet, demand)
    assert isinstance(found, Granted)
    return found.nodes["0/w0/0"]


def test_a_gpu_that_nobody_usual_could_use_goes_first() -> None:
    """On b there is cpu for one usual pod only, so its second GPU is of no use to them."""
    fleet = Fleet(nodes=[cpu_left("a", 64), cpu_left("b", 48)])
    fleet.set_usual(Mix([(LARGE, 1.0)]))
    assert chosen(fleet, gang([Ask(count=1)])) == "b"
    assert chosen(fleet, gang([Ask(milli=500)])) == "b"


def test_a_snapshot_says_which_pods_are_usual() -> None:
    usual = {"usualPods": [{"gpus": 1, "cpu": "32"}], "levels": [{"name": "zone", "label": "zone"}]}
    fabric = {"apiVersion": "espalier.dev/v1alpha1", "kind": "Fabric", "metadata": {"name": "default"}, "spec": usual}
    nodes = [{"kind": "Node", **cpu_left("a", 64)}, {"kind": "Node", **cpu_left("b", 48)}]
    assert chosen(read_fleet({"items": [*nodes, fabric]}), gang([Ask(count=1)])) == "b"


def test_what_is_usual_is_learned_from_what_runs() -> None:
    fleet = Fleet(nodes=[cpu_left("a", 64), cpu_left("b", 48), cpu_left("x", 32 * LEAST, LEAST)])
    assert fleet.room().usual is DOCUMENTED
    pod = template(Ask(count=1))
    pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "32"
    for index in range(LEAST):
        requests = held(shape_of(pod).requests, (index,))
        assert kind_of(requests) == LARGE
        fleet.grant(str(index), ("default", "", str(index)), "x", requests)
    assert fleet.room().usual is not DOCUMENTED
    assert chosen(fleet, gang([Ask(count=1)])) == "b"
    assert chosen(fleet.copy(), gang([Ask(count=1)])) == "b"


def test_a_fleet_that_shares_nothing_weighs_nothing() -> None:
    assert Fleet(nodes=[node("a", 8, shares=False)]).room().usual is None


asks = st.sampled_from([Ask(milli=300), Ask(milli=700), Ask(count=1)])


@given(first=st.lists(asks, max_size=4), gone=st.lists(st.integers(0, 3), max_size=2), after=asks)
def test_losses_are_kept_up_to_date(first: list[Ask], gone: list[int], after: Ask) -> None:
    nodes = [cpu_left("a", 3), cpu_left("b", 2), node("c", 3, shares=False)]
    fleet = Fleet(nodes=nodes)
    mix, shape = Mix([(Usual(1_000, 0, Ask(milli=500)), 1.0), (Usual(1_000, 0, Ask(count=1)), 2.0)]), shape_of(template(after))
    for number, ask in enumerate(first):
        losses(fleet.room(), fleet.room().fits(shape), mix)
        demand = gang([ask])
        if isinstance(answer := place(fleet, demand), Granted):
            grant(fleet, str(number), demand.shapes["w0"], answer)
    for number in gone:
        fleet.revoke(str(number))
    kept = losses(fleet.room(), fleet.room().fits(shape), mix)
    anew = fleet.room().copy()
    assert np.array_equal(kept, losses(anew, anew.fits(shape), mix))
    assert np.isfinite(kept).tolist() == (anew.fits(shape).host > 0).tolist()


@given(counts=st.lists(asks, min_size=1, max_size=1), pods=st.integers(2, 6))
def test_many_of_one_kind_are_never_too_many_for_a_host(counts: list[Ask], pods: int) -> None:
    fleet = Fleet(nodes=[cpu_left("a", 3), cpu_left("b", 2)])
    free = fleet.room().free.copy()
    answer = place(fleet, gang(counts * pods))
    assert isinstance(answer, Granted) == (int(fleet.room().fits(shape_of(template(counts[0]))).total()) >= pods)
    assert np.array_equal(free, fleet.room().free)


BAD = [{"gpus": 1, "gpuMilli": 500}, {"cpu": "4"}, {"gpus": 1, "cpu": "four"}, {"gpuMilli": 1000}]


@pytest.mark.parametrize("usual", BAD)
def test_a_usual_pod_wants_a_gpu_or_a_part_of_one(usual: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FabricSpec.model_validate({"levels": [{"name": "rack", "label": "rack"}], "usualPods": [usual]})


def test_none_declared_is_none() -> None:
    assert declared_mix(()) is None
