"""A case: one order, and all that is known about its system when it is taken up."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from activities.cache.accepted import Acceptances, Accepted
from activities.cache.cache import Cache
from activities.cache.census import Census, SystemKey
from activities.cache.levels import Levels
from activities.cache.placements import Refusal
from activities.cluster.kube import (
    ACCOUNTS,
    AUTOSCALERS,
    BUDGETS,
    CLAIMS,
    CLIQUE_SETS,
    CLIQUES,
    DOMAINS,
    GANGS,
    GROUPS,
    MEMBERS,
    NODES,
    PLACEMENTS,
    PODS,
    REVISIONS,
    SERVICES,
    SYSTEMS,
    Refused,
)
from activities.messages import OfRevision, Order
from activities.state.advice import Advice
from activities.state.attempts import UNTRIED, Attempts
from activities.state.blueprint import Blueprint, Blueprints
from activities.state.digest import Ground, digest
from activities.state.draining import NOBODY as GOES
from activities.state.draining import Draining, draining
from activities.state.evacuation import NOTHING as NOBODY
from activities.state.evacuation import Evacuation, evacuation, relocation
from activities.state.fencing import Fence
from activities.state.growing import WHOLE, Growing, growing
from activities.state.guards import Guards, Labels, guards
from activities.state.misplaced import misplaced
from activities.state.parting import gaps
from activities.state.recovering import NOTHING as ALL_WHOLE
from activities.state.recovering import Recovering, recovering
from activities.state.refusals import excluded, held, in_force
from activities.state.rolling import NOTHING, Rolling, rolling
from activities.state.standing import Digest, Standing
from activities.state.surging import holds, no_room, surged
from activities.state.tallying import lines
from activities.state.units import Moment
from activities.state.unplaced import Unplaced
from activities.state.versions import ALIKE, Versions
from activities.state.warming import NOTHING as COLD
from activities.state.warming import Warming, Warmth, warming, warmth
from specs.counts import Counts
from specs.names import revision_name
from specs.sections import section
from specs.system import SystemSpec

_NATIVE = (PODS, NODES, PLACEMENTS, SYSTEMS, REVISIONS, SERVICES, BUDGETS, MEMBERS)
_GROVE = (CLIQUE_SETS, CLIQUES, GROUPS, GANGS, AUTOSCALERS, ACCOUNTS, CLAIMS, DOMAINS)
MOST_NODES, MOST_DOMAINS = 2_000, 100
"""Of a system, up to which it is told which domains it is in."""
KINDS = {kind.plural: kind for kind in (*_NATIVE, *_GROVE)}

AtCounts = Callable[[Counts], tuple[Blueprint, Digest]]
"""A system at certain counts, and how it stands then."""


@dataclass(frozen=True)
class Case:
    """Pure from here on: everything is looked up."""

    order: Order
    accepted: Accepted
    blueprint: Blueprint
    digest: Digest
    rolling: Rolling = NOTHING
    """What a rollout has still to do."""
    attempts: Attempts = UNTRIED
    """What was restarted of late."""
    recovering: Recovering = ALL_WHOLE
    """What is to be restarted as a whole."""
    evacuation: Evacuation = NOBODY
    """What is to leave its nodes."""
    growing: Growing = WHOLE
    """What waits for others before it grows further."""
    relocation: Evacuation = NOBODY
    """What is to go to other nodes as planned."""
    fits: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Gang that waits for room -> what would let it in."""
    warming: Warming = COLD
    """What is to be fetched before pods start."""
    draining: Draining = GOES
    """What is to go, and has to be asked before."""
    versions: Versions = ALIKE
    """Which revisions are alike, and what changes together."""

    @property
    def key(self) -> SystemKey:
        """Namespace and name of the system."""
        return self.order.ref.namespace, self.order.ref.name

    @property
    def renewed(self) -> list[Standing]:
        """Pods that are to be changed in place now."""
        return [each for each in self.digest.renewed if each.slot not in self.draining.spared]

    @cached_property
    def facts(self) -> dict[str, str | int]:
        """For spans and log lines."""
        return {"namespace": self.key[0], "system": self.key[1], "generation": self.order.generation}


class Cases:
    """Takes up orders."""

    def __init__(
        self,
        cache: Cache,
        census: Census,
        fence: Fence,
        now: Callable[[], datetime],
        unplaced: Unplaced,
        schedulers: Collection[str] = (),
    ) -> None:
        self.cache = cache
        self.census = census
        self.fence = fence
        self._now = now
        self.unplaced = unplaced
        self.advice = Advice()
        self._levels = Levels(cache)
        self.acceptances = Acceptances(cache, schedulers)
        self.blueprints = Blueprints()

    async def until(self, versions: Mapping[str, int]) -> None:
        """Wait until the cache shows these versions; `Busy` when that takes too long."""
        for plural in sorted(versions):
            if plural in KINDS:
                await self.cache.reached(KINDS[plural], versions[plural])

    async def to_write(self, order: Order) -> Case:
        """For a step that writes: refused when the order is a zombie's, or nothing was recorded yet."""
        await self.until(order.versions)
        self.fence.check(order)
        self.fence.check_stays(order)
        case = self.to_read(order)
        if case is None:
            missing = f"revision {order.revision!r} of {order.ref.namespace}/{order.ref.name} is not in the cluster"
            raise Refused(f"{missing}; record it again with RecordSystem")
        return case

    async def to_take(self, order: Order) -> Case:
        """For a step that takes away what serves: a server that was away takes writes before it tells what happened meanwhile."""
        for kind in (PODS, NODES):
            await self.cache.sure(kind)
        return await self.to_write(order)

    def to_read(self, order: Order) -> Case | None:
        """None when nothing was recorded yet."""
        accepted = self.acceptances.of_order(order)
        if accepted is None:
            return None
        key = order.ref.namespace, order.ref.name
        self.census.heed(key, accepted.spec.recovery.patience)
        versions = Versions(accepted.spec, accepted.revision, lambda revision: self._spec(key, revision))
        placements = self.census.placements(key)
        attempts = Attempts(placements, accepted.spec.recovery, self._now(), order.pardon)
        heat = warmth(accepted.spec.warm_up, self.census.warm_ups(key), attempts.now)
        ground = self._ground(key, in_force(placements, attempts.now, self.census.freed), heat)

        def at_counts(counts: Counts) -> tuple[Blueprint, Digest]:
            plan = self.blueprints.of(accepted.system, accepted.revision, counts)
            return plan, digest(plan, self.census.pods(key).values(), placements, ground, versions, attempts)

        plan, found, grows = self._fitting(key, order.counts, at_counts, versions)
        at = Moment(
            plan, found, placements, versions, attempts.now, order.model_copy(update={"counts": dict(plan.counts)}),
            unplaced=self.unplaced.of(key, accepted.revision), domain=self._levels.domain, quiet=ground.quiet,
            guards=lambda: self._guards(key))  # fmt: skip
        at, rolls = self._rolled(key, accepted.spec, at, at_counts)
        warms, rolls = warming(accepted, lambda revision: self.acceptances.of(*key, revision), at.found, rolls, heat)
        return Case(
            order,
            accepted,
            blueprint=at.plan,
            digest=at.found,
            versions=versions,
            rolling=rolls,
            attempts=attempts,
            recovering=recovering(at.plan, at.found, attempts, versions),
            evacuation=evacuation(accepted.spec.rollout, at, self.census.evacuated),
            growing=grows,
            relocation=relocation(accepted.spec.rollout, at),
            fits=self.advice.of(key),
            warming=warms,
            draining=draining(accepted.spec, at, attempts),
        )

    def _fitting(self, key: SystemKey, counts: Counts, at: AtCounts, versions: Versions) -> tuple[Blueprint, Digest, Growing]:
        """What is wanted for now: what grows in step grows by so much, and those that stay keep their indexes."""
        plan, found = at(counts)
        left_out = gaps(plan, found, self.census.pods(key).values(), self._levels.domain, versions)
        if left_out:
            plan, found = at({**counts, **left_out})
        grows = growing(plan, found)
        if grows.counts:
            plan, found = at({**plan.counts, **grows.counts})
        return plan, found, grows

    def _rolled(self, key: SystemKey, spec: SystemSpec, at: Moment, at_counts: AtCounts) -> tuple[Moment, Rolling]:
        """What a rollout has still to do; it is noted where surge has no room."""
        at, rolls = _rolled(spec, at, at_counts)
        for slot, why in no_room(at).items():
            self.unplaced.note(key, at.plan.revision, [slot], why)
        return at, rolls

    def _guards(self, key: SystemKey) -> Guards:
        namespace = key[0]
        budgets = [each for each in self.cache.all(BUDGETS) if each["metadata"]["namespace"] == namespace]
        ready: dict[str, Labels] = {}
        unready: dict[str, Labels] = {}
        for pod in self.census.pods(key).values() if budgets else ():
            labels = section(self.cache.get(PODS, namespace, pod.name) or {}, "metadata", "labels")
            if pod.node:
                (ready if pod.ready and not pod.leaving else unready)[pod.slot] = labels
        return guards(budgets, ready, unready)

    def revisions_of(self, case: Case) -> tuple[OfRevision, ...]:
        """How many units are of which revision, where some are of an older one."""
        kept = {each: self.cache.get(REVISIONS, case.key[0], revision_name(case.key[1], each)) for each in case.rolling.of}
        numbers = {each: int(found["revision"]) for each, found in kept.items() if found}
        return lines(case.rolling.of, {**numbers, case.order.revision: case.order.number or numbers.get(case.order.revision, 0)})

    def breaks_rules(self, case: Case, to: Mapping[str, str]) -> bool:
        """Whether packing rules would be broken, that are not now, by slots that went to these nodes while all others stay."""
        before, domain = case.digest.grants.node, self._levels.domain
        after = misplaced(case.blueprint, {**before, **to}, domain)
        return not after.slots <= misplaced(case.blueprint, before, domain).slots

    def domains_of(self, case: Case) -> tuple[str, ...]:
        """Domains that it is in, once all of it has its room; none where they are too many to be told."""
        nodes = set(case.digest.grants.node.values())
        if case.digest.waiting or len(nodes) > MOST_NODES:
            return ()
        found = self._levels.narrowest(nodes)
        return found if len(found) <= MOST_DOMAINS else ()

    def made_by(self, case: Case, slot: str) -> Accepted:
        """The revision that the pod of a slot is to be of; the newest where that is not kept any more."""
        placement = case.digest.grants.home.get(slot)
        revision = placement.revision_of(slot) if placement else case.accepted.revision
        if revision == case.accepted.revision:
            return case.accepted
        return self.acceptances.of(*case.key, revision) or case.accepted

    def _spec(self, key: SystemKey, revision: str) -> SystemSpec | None:
        found = self.acceptances.of(*key, revision)
        return found.spec if found else None

    def _ground(self, key: SystemKey, refusals: Sequence[Refusal], heat: Warmth) -> Ground:
        warms = heat if heat.asked else None
        return Ground(self.census.nodes, self.census.silent(key), excluded(refusals), held(refusals), warms)


def _rolled(spec: SystemSpec, at: Moment, at_counts: AtCounts) -> tuple[Moment, Rolling]:
    """What a rollout has still to do, with the units that are there for its time only."""
    rolls = rolling(spec.rollout, at)
    more = surged(spec, at, goes_on=not holds(spec.rollout, at, rolls.hold))
    if not more:
        return at, rolls
    plan, found = at_counts(more)
    at = replace(at, plan=plan, found=found, spare=frozenset(plan.seats.keys() - at.plan.seats.keys()))
    return at, rolling(spec.rollout, at)
