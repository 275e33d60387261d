"""Whatever is edited, scaled, lost, held or let go: budgets are held, no unit is of two versions, and it ends as declared."""

from collections.abc import Iterator
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from activities.cache.pods import Pod
from activities.state.blueprint import blueprint
from specs.paths import COPIES
from tests.activities.plot import Plot, declared, larger

GROUPS, VERSIONS, UNITS = ("prefill", "decode"), ("1", "2", "3"), 3
PATHS = (*GROUPS, "decode/worker", "0/prefill/1/leader")
rules = st.fixed_dictionaries(
    {},
    optional={
        "maxUnavailable": st.sampled_from([1, 2, "50%"]),
        "maxSurge": st.sampled_from([1, 2]),
        "minReadySeconds": st.sampled_from([0, 30]),
        "partition": st.integers(0, 2),
        "pauseAfter": st.sampled_from([[1], ["50%"], [1, 3]]),
        "approval": st.sampled_from(["none", "manual"]),
        "paused": st.booleans(),
        "maxSkew": st.sampled_from([1, 2]),
        "inPlace": st.booleans(),
        "byCopy": st.booleans(),
        "order": st.sampled_from([{"prefill": 1}, {"prefill": 2, "decode": 1}]),
    },
)


class Rollouts(RuleBasedStateMachine):
    """One system, and a world that may do anything to it between two steps."""

    @initialize(unit=st.sampled_from(["group", "pod", "copy", "set"]), copies=st.sampled_from([1, 2]))
    def begin(self, unit: str, copies: int) -> None:
        """What a unit is stays so: another cut through a rollout that is under way finds units of two versions."""
        self.unit = unit
        self.how: dict[str, Any] = {"unit": unit}
        self.plot = Plot(declared("1", UNITS, self.how), counts={COPIES: copies})
        self.wanted = dict.fromkeys(GROUPS, "1")
        self.more: dict[str, int] = {}

    @rule(group=st.sampled_from(GROUPS), version=st.sampled_from(VERSIONS))
    def edit(self, group: str, version: str) -> None:
        self.wanted[group] = version
        self._declare()
        self.plot.approved = 0

    @rule(given=rules)
    def steer(self, given: dict[str, Any]) -> None:
        surges = "maxSurge" in given and self.unit != "pod"
        left_out = {"partition" if surges else "maxSurge", "order" if self.unit == "copy" else ""}
        self.how = {key: value for key, value in given.items() if key not in left_out}
        self._declare()

    @rule()
    def approve(self) -> None:
        self.plot.approved += 1

    @rule(workers=st.integers(1, 2), cache=st.integers(0, 2))
    def resize(self, workers: int, cache: int) -> None:
        """The template itself has more, or less, of something."""
        self.more = {"workers": workers, "cache": cache}
        self._declare()

    @rule(path=st.sampled_from(PATHS), count=st.integers(0, 5))
    def scale(self, path: str, count: int) -> None:
        self.plot.counts[path] = count

    @precondition(lambda self: self.plot.pods)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        self.plot.lose(data.draw(st.sampled_from(sorted(self.plot.pods))))

    @rule(bad=st.sets(st.sampled_from(VERSIONS)))
    def spoil(self, bad: set[str]) -> None:
        """Pods of these versions get Ready no more."""
        self.plot.bad_images = bad

    @rule(seconds=st.sampled_from([1, 29, 60]))
    def wait(self, seconds: float) -> None:
        self.plot.wait(seconds)

    @rule(ready=st.booleans())
    def tend(self, ready: bool) -> None:
        """All edits are of images: in place no pod is made anew for one."""
        before = {slot: pod.uid for slot, pod in self.plot.pods.items()}
        self.plot.tend(ready=ready)
        anew = {slot for slot, pod in self.plot.pods.items() if pod.uid != before.get(slot, pod.uid)}
        assert not (self.plot.system.spec.rollout.in_place and anew)

    @rule()
    def update(self) -> None:
        """No more goes than its budget has left, whatever made the others unavailable."""
        self.plot.look()
        out = {member: set(self._out(member)) for member in self._members()}
        spare = {member: len(units - set(self._out(member))) for member, units in self._members(spare=True).items()}
        chosen = {self.plot.versions.unit(unit[0]) for unit in self.plot.update().chosen}
        for member, units in self._members().items():
            allowed = self.plot.system.spec.rollout.allowed(len(units)) + spare.get(member, 0)
            taken = {unit for unit in (chosen & units) - out[member] if not self._is_right(unit)}
            assert not taken or len((out[member] & units) | taken) <= allowed, (member, taken, out[member])
        assert not set(self._stuck()), "what the versions of their units have too waits for no update"

    def _stuck(self) -> Iterator[str]:
        plot, versions = self.plot, self.plot.versions
        for slot in plot.look()[0].grants.later:
            unit = [other for other in plot.held.revisions if versions.unit(other) == versions.unit(slot)]
            marks = {plot.held.revisions[other] for other in unit}
            if unit and all(versions.wants(slot, mark, plot.plan.counts) for mark in marks):
                yield slot

    @invariant()
    def no_unit_is_of_two_versions(self) -> None:
        """All that runs of a unit is as one revision has it, whatever else is edited meanwhile."""
        versions = self.plot.versions
        found: dict[str, list[Pod]] = {}
        for slot, pod in self.plot.pods.items():
            if not pod.gated:
                found.setdefault(versions.unit(slot), []).append(pod)
        for unit, held in found.items():
            ends = {pod.revision for pod in held}
            assert any(all(not versions.changed(pod.slot, pod.revision, end) for pod in held) for end in ends), unit

    def teardown(self) -> None:
        """Disturbances stop: it ends as declared."""
        if not hasattr(self, "plot"):
            return
        self.plot.bad_images, self.how, self.plot.approved = set(), {}, 1_000
        self._declare()
        for _ in range(40):
            self.plot.tend()
            self.plot.wait(60)
            self.plot.update()
        wanted = {**self.wanted, "cache": self.wanted["prefill"]}
        assert {unit: image for unit, image in self.plot.images().items() if image != wanted[unit.partition("/")[0]]} == {}
        assert self.plot.look()[1].outdated == 0

    def _declare(self) -> None:
        self.plot.edit(larger(declared("1", UNITS, {**self.how, "unit": self.unit}, **self.wanted), **self.more))

    def _members(self, *, spare: bool = False) -> dict[str, set[str]]:
        """Units of each group, or those that are there for the rollout only."""
        plot, found = self.plot, dict[str, set[str]]()
        base = blueprint(plot.system, plot.revision, plot.counts).seats
        for slot in (slot for slot in plot.plan.seats if (slot not in base) == spare):
            found.setdefault(self.plot.versions.member(slot), set()).add(self.plot.versions.unit(slot))
        return found

    def _is_right(self, unit: str) -> bool:
        """All its pods are of the version that is wanted: its turn had come, and was taken back before they went."""
        plot = self.plot
        held = [pod for slot, pod in plot.pods.items() if plot.versions.unit(slot) == unit]
        return all(plot.versions.same(pod.slot, pod.revision, plot.revision) for pod in held)

    def _out(self, member: str) -> Iterator[str]:
        """Units with a pod that is not Ready, or not for long enough."""
        versions, least = self.plot.versions, self.plot.system.spec.rollout.min_ready_seconds
        for slot in self.plot.plan.seats:
            pod = self.plot.pods.get(slot)
            since = pod.ready_since if pod is not None and pod.ready else None
            settled = since is not None and (self.plot.now - since).total_seconds() >= least
            if versions.member(slot) == member and not settled:
                yield versions.unit(slot)


Rollouts.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None, derandomize=True)
TestRollouts = Rollouts.TestCase
