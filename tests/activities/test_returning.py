"""Room that nobody wants any more: all of it once the last pod has gone, and every now and then before."""

from typing import cast

from activities.cache.accepted import Accepted
from activities.cache.placements import Placement
from activities.cache.pods import Pod
from activities.messages import Order, Ref
from activities.state.cases import Case
from activities.steps.returning import INTERVAL_S, Returns
from tests.activities.test_digest import BASE, W0, W1, R, placement, plan, pod, seen

COPIES = {index: (f"llama-{index}", tuple(f"{index}/{slot[2:]}" for slot in BASE[1])) for index in (1, 2)}
SLOTS = {index: frozenset(slots) for index, (_, slots) in COPIES.items()}
HELD = placement({}, [BASE, *COPIES.values()])


class Scene:
    """One copy is wanted of three; the pods of the others go."""

    def __init__(self, *held: Placement) -> None:
        self.now = 0.0
        self.pods = {slot: pod(slot, slot, leaving=True) for slots in SLOTS.values() for slot in slots}
        self._held = held
        self.returns = Returns(lambda _: self.pods, lambda: self.now)

    @property
    def case(self) -> Case:
        order, wanted = Order(ref=Ref(namespace="default", name="llama")), plan(copies=1)
        return Case(order, cast(Accepted, None), wanted, seen(wanted, list(self.pods.values()), self._held))

    @property
    def due(self) -> list[tuple[str, frozenset[str]]]:
        return [(each.placement.name, each.slots) for each in self.returns.due(self.case)]

    def gone(self, *slots: str) -> None:
        for slot in slots:
            del self.pods[slot]


def test_nothing_is_given_back_while_pods_stand_in_it() -> None:
    scene = Scene(HELD)
    assert (scene.due, scene.returns.staying(scene.case)) == ([], (2, None))


def test_what_is_empty_is_given_back_now_and_then_and_the_rest_with_the_last_pod() -> None:
    scene = Scene(HELD)
    scene.gone("1/worker/0")
    assert scene.due == [("p0", frozenset({"1/worker/0"}))]
    scene.returns.given(HELD)
    scene.gone("1/worker/1")
    assert (scene.due, scene.returns.staying(scene.case)) == ([], (2, INTERVAL_S))
    scene.now = INTERVAL_S
    assert scene.due == [("p0", frozenset({"1/worker/0", "1/worker/1"}))]
    assert scene.returns.staying(scene.case) == (1, None)
    scene.returns.given(HELD)
    scene.gone(*scene.pods)
    assert scene.due == [("p0", SLOTS[1] | SLOTS[2])]
    assert scene.returns.staying(scene.case) == (0, None)


def test_each_placement_has_its_own_time() -> None:
    first, second = placement({}, [BASE, COPIES[1]]), placement({}, [COPIES[2]], "p1")
    scene = Scene(first, second)
    scene.gone("1/worker/0", "2/worker/0")
    scene.returns.given(first)
    assert scene.due == [("p1", frozenset({"2/worker/0"}))]


def test_what_another_placement_holds_too_is_empty_for_this_one() -> None:
    twice = placement({}, [("llama-0", (R, W0, W1))], "p1")
    scene = Scene(placement({}, [BASE]), twice)
    scene.pods = {slot: pod(slot, slot) for slot in BASE[1]}
    assert scene.due == [("p1", frozenset(BASE[1]))]


def test_a_placement_that_is_being_deleted_is_left_alone() -> None:
    leaving = placement({}, [COPIES[1]], "p1", leaving=True)
    scene = Scene(placement({}, [BASE]), leaving)
    scene.pods = dict[str, Pod]()
    assert (scene.due, scene.returns.staying(scene.case)) == ([], (1, None))


def test_a_placement_that_holds_nothing_goes() -> None:
    scene = Scene(placement({}, [BASE]), placement({}, [], "p1"))
    scene.pods = dict[str, Pod]()
    assert scene.due == [("p1", frozenset())]
    assert scene.returns.staying(scene.case) == (0, None)
