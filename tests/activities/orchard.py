"""An orchard: a plot in which pods also fail, units are restarted and moved, and counts rise in step and fall by worth. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from activities.cache.failures import Failure
from activities.cache.placements import Attempt, Entry, Placement
from activities.cache.pods import Node
from activities.state.attempts import Attempts, next_attempt, with_attempts
from activities.state.blueprint import Blueprint, blueprint
from activities.state.digest import Ground, digest
from activities.state.evacuation import NOTHING as NOBODY
from activities.state.evacuation import Evacuation, evacuation
from activities.state.growing import growing
from activities.state.misplaced import unknown
from activities.state.parting import gaps
from activities.state.recovering import NOTHING, Recovering, members_of, recovering
from activities.state.rolling import Rolling, rolling
from activities.state.sparing import spared
from activities.state.standing import Digest
from activities.state.units import Moment
from specs.counts import Counts
from specs.system import InferenceSystem
from tests.activities.plot import Plot

GROUND = Ground({name: Node(name, open=True, ready=True) for name in "ab"})
CRASH = Failure("CrashLooping", "container main ended with exit code 1")
LEAST = 1


def declared(images: dict[str, str], rules: dict[str, Any] | None = None, skew: int | None = None) -> InferenceSystem:
    """Groups `prefill` and `decode` in a ratio, each of a leader and a worker; one replica of each must run."""

    def role(name: str, image: str) -> dict[str, Any]:
        return {"role": name, "replicas": 1, "template": {"spec": {"containers": [{"name": "main", "image": image}]}}}

    groups = [
        {
            "group": name,
            "replicas": 4,
            "minAvailable": LEAST,
            "members": [role(each, image) for each in ("leader", "worker")],
        }
        for name, image in images.items()
    ]
    scaling = {"ratios": [dict.fromkeys(images, 1)], **({"maxSkew": skew} if skew else {})}
    recovery = {"scope": "group", "delay": "30s", "restarts": 1000}
    spec = {"members": groups, "rollout": rules or {}, "scaling": scaling, "recovery": recovery}
    return InferenceSystem.model_validate({"metadata": {"name": "llama"}, "spec": spec})


@dataclass
class Orchard(Plot):
    """As `Plot`, and whatever else befalls a system."""

    evacuated: set[str] = field(default_factory=set[str])
    mends: Recovering = NOTHING
    leaves: Evacuation = NOBODY

    @property
    def attempts(self) -> Attempts:
        return Attempts([self.held], self.system.spec.recovery, self.now)

    def look(self) -> tuple[Digest, Rolling]:
        """As the agent looks, in its order."""
        attempts, versions, rules = self.attempts, self.versions, self.system.spec.rollout

        def at(counts: Counts) -> tuple[Blueprint, Digest]:
            plan = blueprint(self.system, self.revision, counts)
            return plan, digest(plan, self.pods.values(), [self.held], GROUND, versions, attempts)

        plan, found = at(self.counts)
        if left_out := gaps(plan, found, self.pods.values(), unknown, versions):
            plan, found = at({**self.counts, **left_out})
        if (grows := growing(plan, found)).counts:
            plan, found = at({**plan.counts, **grows.counts})
        self.more = dict(plan.counts)
        moment = Moment(plan, found, [self.held], versions, self.now, self.order)
        self.mends = recovering(plan, found, attempts, versions)
        self.leaves = evacuation(rules, moment, self.evacuated)
        self.stay = spared(rules, moment, attempts).slots
        return found, rolling(rules, moment)

    def tend(self, ready: bool = True) -> None:
        if self.placement is None:
            self._place({})
        found, _ = self.look()
        for each in (each for each in found.members["surplus"] if each.slot not in self.stay):
            self.pods.pop(each.slot, None)
        self._place(self.look()[1].joining)
        found, _ = self.look()
        for each in found.members["missing"]:
            self.make(each.slot)
        if ready:
            self.get_ready(self.pods)

    def make(self, slot: str, *, gated: bool = False) -> None:
        self.made[slot] = max(self.made[slot], self.attempts.least(slot) - 1)
        super().make(slot, gated=gated)
        node = self.held.nodes[slot]
        self.pods[slot] = replace(self.pods[slot], node=node, pin=node, created=self.now, bound=self.now, turned=self.now)

    def get_ready(self, slots: Iterable[str]) -> None:
        super().get_ready(slot for slot in slots if not self.pods[slot].failure and not self.pods[slot].done)

    def crash(self, slot: str, *, done: bool) -> None:
        """It is not Ready any more; `done`: and does not come back by itself."""
        self.pods[slot] = replace(self.pods[slot], ready=False, turned=self.now, failure=CRASH, done=done)

    def mend(self) -> None:
        """Replace what failed, as ReplacePods does."""
        found, _ = self.look()
        for each in found.members["failed"]:
            self._note(each.slot, self.held.revision_of(each.slot), 0)
            self.pods.pop(each.slot, None)

    def restart(self) -> None:
        """Mark units that lack their minimum for too long, as RestartUnits does."""
        self.look()
        for breach in self.mends.due:
            least = max(self.made[slot] for slot in members_of(self.plan, breach.unit)) + 1
            self._note(breach.unit, self.revision, least)

    def move(self) -> None:
        """Units leave nodes that are evacuated, as MoveUnits has it: places first."""
        self.look()
        nodes = {slot: self._home(slot) for piece in self.leaves.chosen for slot in piece.slots}
        self.placement = replace(self.held, nodes={**self.held.nodes, **nodes})

    def _note(self, path: str, revision: str, least: int) -> None:
        known = self.attempts.of(path, revision)
        fresh = Attempt(path, 1, self.now, self.now, CRASH.reason, CRASH.message, revision, 0, least)
        self.placement = replace(
            self.held, attempts=with_attempts(self.held.attempts, {path: next_attempt(known, fresh)})
        )  # fmt: skip

    def _home(self, slot: str) -> str:
        return next((name for name in "ab" if name not in self.evacuated), self.held.nodes.get(slot, "a"))

    def _place(self, joining: Mapping[str, str]) -> None:
        """What has a pod keeps its place until that has gone; what is new is of the revision that is wanted, or its unit's."""
        before, seats = self.placement, self.plan.seats
        held = [*seats, *(slot for slot in (before.nodes if before else ()) if slot not in seats and slot in self.pods)]
        nodes = {slot: before.nodes[slot] if before and slot in before.nodes else self._fresh(slot) for slot in held}
        entries = tuple(Entry("/".join(slot.split("/")[:3]), minimum=False, slots=(slot,)) for slot in held)
        self.placement = Placement(
            namespace="default", name="llama-0", uid="u", version=1, created="", system="llama", owner="u",
            revision=self.revision, pod_priority=0, priority=0, entries=entries, nodes=nodes, waiting={}, refusals=(),
            leaving=False, attempts=before.attempts if before else (), **self.marks(held, joining),
        )  # fmt: skip

    def _fresh(self, slot: str) -> str:
        del slot
        return next((name for name in "ab" if name not in self.evacuated), "a")
