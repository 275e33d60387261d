"""A plot: one system in memory, with a clock that a test turns. Real digest and decision; pods do as they are told. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from activities.cache.placements import Entry, Placement
from activities.cache.pods import Node, Pod
from activities.messages import Order, Ref
from activities.state.attempts import UNTRIED
from activities.state.blueprint import Blueprint, blueprint
from activities.state.digest import Ground, digest
from activities.state.keeping import places_kept
from activities.state.rolling import Rolling, rolling
from activities.state.sparing import spared
from activities.state.standing import Digest
from activities.state.surging import holds, surged
from activities.state.units import Moment
from activities.state.versions import Versions
from activities.steps.updating import marked
from specs.paths import roles
from specs.revisions import revision_hash
from specs.system import InferenceSystem

START = datetime(2026, 1, 1, tzinfo=UTC)
GROUND = Ground({"a": Node("a", open=True, ready=True)})


def declared(versions: str = "1", units: int = 4, rules: dict[str, Any] | None = None, **members: str) -> InferenceSystem:
    """Groups `prefill` and `decode` of so many units, each a leader and a worker; `versions` is their image.

    They share racks, and yet each replica is a unit, unless the rules say otherwise.
    """

    def role(name: str, image: str) -> dict[str, Any]:
        return {"role": name, "replicas": 1, "template": {"spec": {"containers": [{"name": "main", "image": image}]}}}

    groups = [
        {
            "group": name,
            "replicas": units,
            "minAvailable": 0,
            "members": [role(each, members.get(name, versions)) for each in ("leader", "worker")],
        }
        for name in ("prefill", "decode")
    ]
    together = [{"members": ["prefill", "decode"], "within": "rack"}]
    spec = {"members": groups, "rollout": {"unit": "group", **(rules or {})}, "together": together}
    return InferenceSystem.model_validate({"metadata": {"name": "llama"}, "spec": spec})


def larger(system: InferenceSystem, *, workers: int = 1, cache: int = 0) -> InferenceSystem:
    """The same with so many workers in each replica, and so many pods of a role beside the groups."""
    manifest = system.model_dump(mode="json", by_alias=True, exclude_unset=True)
    members = manifest["spec"]["members"]
    for group in members:
        group["members"][1]["replicas"] = workers
    if cache:
        members.append({"role": "cache", "replicas": cache, "template": members[0]["members"][0]["template"]})
    return InferenceSystem.model_validate(manifest)


@dataclass
class Plot:
    """What is wanted, and what there is."""

    system: InferenceSystem
    counts: dict[str, int] = field(default_factory=dict[str, int])
    more: dict[str, int] = field(default_factory=dict[str, int])
    """Counts with surge units, as of the last look."""
    now: datetime = START
    pods: dict[str, Pod] = field(default_factory=dict[str, Pod])
    """By slot: those that stay."""
    placement: Placement | None = None
    known: dict[str, InferenceSystem] = field(default_factory=dict[str, InferenceSystem])
    made: Counter[str] = field(default_factory=Counter[str])
    approved: int = 0
    rolls: bool = False
    failed: str = ""
    bad: set[str] = field(default_factory=set[str])
    """Revisions whose pods never get Ready."""
    bad_images: set[str] = field(default_factory=set[str])
    """The same, by what they run."""
    full: frozenset[str] = frozenset()
    """Slots for which there is no room."""
    stay: frozenset[str] = frozenset()
    """Slots whose pods are to go, but not yet, as of the last look."""

    def __post_init__(self) -> None:
        self.edit(self.system)
        self.tend()
        self.wait(86_400)

    @property
    def revision(self) -> str:
        return revision_hash(self.system.spec)

    @property
    def order(self) -> Order:
        ref = Ref(namespace="default", name="llama")
        return Order(
            ref=ref, counts=self.counts, revision=self.revision, approved=self.approved, rolls=self.rolls, failed=self.failed
        )

    @property
    def plan(self) -> Blueprint:
        return blueprint(self.system, self.revision, self.more or self.counts)

    @property
    def held(self) -> Placement:
        assert self.placement is not None
        return self.placement

    @property
    def versions(self) -> Versions:
        return Versions(self.system.spec, self.revision, lambda revision: self.known[revision].spec)

    def edit(self, system: InferenceSystem) -> None:
        """Declare this from now on."""
        self.system = system
        self.known[self.revision] = system

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def look(self) -> tuple[Digest, Rolling]:
        plan, versions = blueprint(self.system, self.revision, self.counts), self.versions
        found = digest(plan, self.pods.values(), [self.held], GROUND, versions)
        at, rules = Moment(plan, found, [self.held], versions, self.now, self.order), self.system.spec.rollout
        rolls = rolling(rules, at)
        more = surged(self.system.spec, at, goes_on=not holds(rules, at, rolls.hold))
        self.more = more
        self.stay = spared(rules, at, UNTRIED).slots
        if not more:
            return found, rolls
        found = digest(self.plan, self.pods.values(), [self.held], GROUND, versions)
        at = replace(at, plan=self.plan, found=found, spare=frozenset(self.plan.seats.keys() - plan.seats.keys()))
        self.stay = spared(rules, at, UNTRIED).slots
        return found, rolling(rules, at)

    def update(self) -> Rolling:
        """Mark those whose turn has come, as UpdateUnits does."""
        _, found = self.look()
        slots = {slot for unit in found.chosen for slot in unit}
        if slots or found.behind:
            patch = marked(self.held, found.without(slots), self.revision, self.system.spec)
            revisions = {slot: each for slot, each in {**self.held.revisions, **patch["revisions"]}.items() if each}
            joined = frozenset(patch.get("joined", ()))
            self.placement = replace(self.held, revision=patch["revision"], revisions=revisions, joined=joined)
        return found

    def tend(self, ready: bool = True) -> None:
        """Give every slot its place, let go what is too many, make what is missing; `ready`: all that can be gets Ready."""
        self._place({} if self.placement is None else self.look()[1].joining)
        found, rolls = self.look()
        going = [each.pod for each in found.members["surplus"] if each.pod and each.slot not in self.stay]
        kept = places_kept(found, {pod.uid for pod in going}, rolls.stale, self.versions.unit)
        for pod in going:
            del self.pods[pod.slot]
        for each in kept:
            self.make(each.slot, gated=True)
        for each in (each for each in found.renewed if each.slot not in self.stay):
            pod = self.pods[each.slot]
            self.pods[each.slot] = replace(pod, revision=self.held.revision_of(each.slot), ready=False)
        found, _ = self.look()
        for each in found.members["due"]:
            self.pods[each.slot] = replace(self.pods[each.slot], gated=False, node="a", bound=self.now)
        for each in found.members["missing"]:
            self.make(each.slot, gated=not each.due)
        if ready:
            self.get_ready(self.pods)

    def get_ready(self, slots: Iterable[str]) -> None:
        for slot in slots:
            pod = self.pods[slot]
            if not pod.ready and not pod.gated and pod.revision not in self.bad and self.image(pod) not in self.bad_images:
                self.pods[slot] = replace(pod, ready=True, turned=self.now)

    def lose(self, slot: str) -> None:
        del self.pods[slot]

    def make(self, slot: str, *, gated: bool = False) -> None:
        self.pods[slot] = Pod(
            namespace="default", name=f"{slot}-{self.made[slot]}", uid=f"{slot}-{self.made[slot]}", system="llama", slot=slot,
            role=self.plan.seats[slot].role, incarnation=self.made[slot], node="" if gated else "a", pin="" if gated else "a",
            nominated="a" if gated else "", gated=gated,
            done=False, ready=False, leaving=False, refusal="", revision=self.held.revision_of(slot),
            bound=None if gated else self.now,
        )  # fmt: skip
        self.made[slot] += 1

    def image(self, pod: Pod) -> str:
        template = dict(roles(self.known[pod.revision].spec))[pod.role].template
        return str(template["spec"]["containers"][0]["image"])

    def images(self) -> dict[str, str]:
        """Unit -> images of its pods."""
        found: dict[str, set[str]] = {}
        for slot, pod in sorted(self.pods.items()):
            found.setdefault("/".join(slot.split("/")[1:3]), set()).add(self.image(pod))
        return {unit: "+".join(sorted(images)) for unit, images in found.items()}

    def _place(self, joining: Mapping[str, str]) -> None:
        """One Placement holds all; what is new in it is of the revision that is wanted, or of its unit's."""
        plan = self.plan
        slots = {slot: plan.gangs[seat.gang].name for slot, seat in plan.seats.items()}
        self.placement = Placement(
            namespace="default", name="llama-0", uid="u", version=1, created="", system="llama", owner="u",
            revision=self.revision, pod_priority=0, priority=0,
            entries=tuple(Entry(gang, minimum=False, slots=(slot,)) for slot, gang in slots.items()),
            nodes={slot: "a" for slot in slots if slot not in self.full}, waiting={}, refusals=(), leaving=False,
            **self.marks(slots, joining),
        )  # fmt: skip
        self.pods = {slot: pod for slot, pod in self.pods.items() if slot in slots}

    def marks(self, slots: Collection[str], joining: Mapping[str, str]) -> dict[str, Any]:
        """What a Placement of these slots says of their revisions."""
        before = self.placement
        held = {slot: before.revision_of(slot) for slot in before.nodes if not before.starts_later(slot)} if before else {}
        of = {slot: held.get(slot) or joining.get(slot) or self.revision for slot in slots}
        joined = frozenset({*(before.joined if before else ()), *joining}).intersection(slots)
        return {"revisions": {slot: each for slot, each in of.items() if each != self.revision}, "joined": joined}
