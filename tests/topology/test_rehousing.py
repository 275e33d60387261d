"""New places for what runs, by hand: two racks of two nodes with so many CPUs each; a pod's old place counts as its own."""

import pytest

from specs.fabric import HOST_LABEL
from specs.gangs import expand
from specs.paths import roles
from specs.system import InferenceSystem
from topology.demand import Demand, NoRoom
from topology.moves.rehousing import rehoused
from topology.supply.fabric import declared
from topology.supply.fleet import Fleet
from topology.supply.shapes import shape_of

RACK = "rack"
NODES = {"a1": "a", "a2": "a", "b1": "b", "b2": "b"}


def fleet(cpus: int) -> Fleet:
    nodes = [
        {
            "metadata": {"name": name, "labels": {RACK: rack, HOST_LABEL: name}},
            "status": {"allocatable": {"cpu": str(cpus), "pods": "10"}},
        }
        for name, rack in NODES.items()
    ]
    return Fleet(declared([(RACK, RACK)]), nodes)


def demand(cpus: int, pods: int, within: str | None, keep: dict[str, str]) -> Demand:
    container = {"name": "main", "image": "i", "resources": {"requests": {"cpu": str(cpus)}}}
    member = {"role": "w", "replicas": pods, "template": {"spec": {"containers": [container]}}}
    spec = {"members": [member], **({"place": {"within": within}} if within else {})}
    system = InferenceSystem.model_validate({"metadata": {"name": "s"}, "spec": spec})
    (gang,) = expand("s", system.spec, {})
    shapes = {path: shape_of(role.template) for path, role in roles(system.spec)}
    return Demand(gang, shapes, "default/s", keep=keep)


def hold(held: Fleet, nodes: dict[str, str], cpus: int) -> None:
    for slot, node in nodes.items():
        held.grant(slot, ("default", "s", slot), node, (("cpu", cpus * 1000), ("pods", 1)))


W0, W1 = "0/w/0", "0/w/1"
#                                        old  new  within  now                     leaving   stay   where they go then
EXAMPLES = {
    "it still fits where it is":         (2,   4,   None,   {W0: "a2"},             (W0,),    True,  {W0: "a2"}),
    "less than before":                  (2,   1,   None,   {W0: "b2"},             (W0,),    True,  {W0: "b2"}),
    "another stands in the way":         (2,   3,   None,   {W0: "a1", W1: "a1"},   (W1,),    True,  {W0: "a1", W1: "a2"}),
    "two together in one rack":          (2,   4,   "rack", {W0: "b1", W1: "b1"},   (W0, W1), True,  {W0: "b1", W1: "b2"}),
    "nowhere":                           (2,   5,   None,   {W0: "a1"},             (W0,),    True,  None),
    "into the rack of the one that stays": (2,   2,   "rack", {W0: "a1", W1: "b2"},   (W1,),    False, {W0: "a1", W1: "a1"}),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "within", "now", "goes", "stay", "want"), EXAMPLES.values(), ids=EXAMPLES)
def test_rehoused(
    old: int, new: int, within: str | None, now: dict[str, str], goes: tuple[str, ...], stay: bool,
    want: dict[str, str] | None,
) -> None:  # fmt: skip
    held = fleet(4)
    hold(held, now, old)
    free = held.room().free.tolist()
    asked = demand(new, len(now), within, {slot: at for slot, at in now.items() if slot not in goes})
    found = rehoused(held, [asked], {slot: now[slot] for slot in goes}, may_stay=stay)
    assert held.room().free.tolist() == free
    assert (None if isinstance(found, NoRoom) else found.nodes) == want
