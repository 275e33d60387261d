"""Rollouts, moves, failures, scaling at once: the budget holds over all causes, the right ones go, it ends as declared."""

from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.activities.orchard import LEAST, Orchard, declared

GROUPS, VERSIONS = ("prefill", "decode"), ("1", "2", "3")
NODES = st.sampled_from([set[str](), {"a"}, {"b"}])
LOST = st.sets(st.integers(0, 4), max_size=2)
WAYS = ("update", "move", "restart", "mend")


class Orchards(RuleBasedStateMachine):
    """One system, and all that may happen to it between two steps."""

    @initialize(most=st.sampled_from([1, 2, "50%"]), skew=st.sampled_from([None, 1]))
    def begin(self, most: int | str, skew: int | None) -> None:
        self.how: dict[str, Any] = {"maxUnavailable": most}
        self.skew, self.wanted = skew, dict.fromkeys(GROUPS, "1")
        self.plot = Orchard(declared(self.wanted, self.how, skew))

    @rule(group=st.sampled_from(GROUPS), version=st.sampled_from(VERSIONS))
    def edit(self, group: str, version: str) -> None:
        self.wanted[group] = version
        self.plot.edit(declared(self.wanted, self.how, self.skew))

    @precondition(lambda self: self.plot.pods)
    @rule(data=st.data(), how=st.sampled_from(["gone", "failed", "crashes"]))
    def lose(self, data: st.DataObject, how: str) -> None:
        slot = data.draw(st.sampled_from(sorted(self.plot.pods)))
        if how == "gone":
            self.plot.lose(slot)
        else:
            self.plot.crash(slot, done=how == "failed")

    @rule(bad=st.sets(st.sampled_from(VERSIONS)))
    def spoil(self, bad: set[str]) -> None:
        self.plot.bad_images = bad

    @rule(nodes=NODES)
    def evacuate(self, nodes: set[str]) -> None:
        self.plot.evacuated = set(nodes)

    @rule(seconds=st.sampled_from([1, 31, 400]))
    def wait(self, seconds: float) -> None:
        self.plot.wait(seconds)

    @rule()
    def tend(self) -> None:
        self.plot.tend()

    @rule(group=st.sampled_from(GROUPS), count=st.integers(LEAST, 6), lost=LOST)
    def scale(self, group: str, count: int, lost: set[int]) -> None:
        """Whoever goes is worth no more than any that stays and could have gone."""
        self._some_fail(group, lost)
        before = {unit: unit not in self._out() for unit in self._units(group)}
        self.plot.counts = {**self.plot.counts, group: count}
        self.plot.tend(ready=False)
        stay = self._units(group)
        gone = {unit for unit in before if unit not in stay}
        able = {unit for unit in before if unit in stay and int(unit.rpartition("/")[2]) >= LEAST}
        assert not any(before[unit] for unit in gone) or all(before[unit] for unit in able), (before, stay)
        assert len(stay) == count or (self.skew and len(stay) < count) or len(gone) == 0

    @rule(ways=st.permutations(WAYS), nodes=NODES, lost=LOST, later=LOST, version=st.sampled_from(VERSIONS))
    def act(self, ways: list[str], nodes: set[str], lost: set[int], later: set[int], version: str) -> None:
        """All that may be done, in any order: no more units are out than may be, whatever put them out, and `later` too."""
        self._some_fail("decode", lost)
        self.evacuate(nodes)
        self.edit("decode", version)
        for way in ways:
            getattr(self.plot, way)()
        self._crash("decode", later)
        before = self._out()
        self.plot.tend(ready=False)
        after = self._out()
        for group in GROUPS:
            units = self._units(group)
            allowed = self.plot.system.spec.rollout.allowed(len(units))
            out = after & units
            assert len(out) <= max(allowed, len(before & units)), (group, ways, before, out)

    @invariant()
    def base_gangs_stay(self) -> None:
        for group in GROUPS:
            assert f"0/{group}/0" in self._units(group)

    def teardown(self) -> None:
        """Disturbances stop: it ends as declared, on nodes that nobody has to leave."""
        if not hasattr(self, "plot"):
            return
        plot = self.plot
        plot.bad_images = set()
        plot.pods = {slot: pod if pod.done else replace(pod, failure=None) for slot, pod in plot.pods.items()}
        for _ in range(40):
            plot.wait(400)
            for way in WAYS:
                getattr(plot, way)()
            plot.tend()
        for group in GROUPS:
            assert len(self._units(group)) == plot.counts.get(group, 4)
        assert self._out() == set()
        assert {unit: image for unit, image in plot.images().items() if image != self.wanted[unit.partition("/")[0]]} == {}
        assert {pod.node for pod in plot.pods.values()} & plot.evacuated == set()
        assert (plot.look()[1].outdated, plot.leaves.units, plot.mends.due) == (0, 0, ())

    def _some_fail(self, group: str, lost: set[int]) -> None:
        """All that can be is Ready, but for these."""
        self.plot.tend()
        self._crash(group, lost)

    def _crash(self, group: str, lost: set[int]) -> None:
        for slot in (f"0/{group}/{index}/leader/0" for index in sorted(lost)):
            if slot in self.plot.pods:
                self.plot.crash(slot, done=False)

    def _units(self, group: str) -> set[str]:
        return {"/".join(slot.split("/")[:3]) for slot in self.plot.plan.seats if f"/{group}/" in slot}

    def _out(self) -> set[str]:
        """Wanted units with a pod that is not Ready."""
        pods = self.plot.pods
        return {"/".join(slot.split("/")[:3]) for slot in self.plot.plan.seats if slot not in pods or not pods[slot].ready}


Orchards.TestCase.settings = settings(max_examples=20, stateful_step_count=25, deadline=None, derandomize=True)
TestOrchards = Orchards.TestCase


def test_who_was_to_leave_a_node_that_is_opened_again_is_asked_for_as_ever() -> None:
    """It was marked while the budget had room for it; by now that is gone, and so is the reason."""
    ways = list(WAYS)
    found = Orchards()
    found.begin(most=1, skew=None)
    found.act(ways=ways, nodes={"a"}, lost=set(), later=set(), version="2")
    found.act(ways=ways, nodes={"a"}, lost=set(), later={0}, version="2")
    found.act(ways=ways, nodes=set(), lost={2}, later=set(), version="2")
    found.teardown()
