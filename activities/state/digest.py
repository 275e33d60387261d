"""The digest: which class every slot of a system is in. Pure; 10,000 pods in well under 100 ms."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, takewhile

from activities.cache.placements import Placement
from activities.cache.pods import Pod
from activities.messages import PodClass
from activities.state.attempts import UNTRIED, Attempts, units_around
from activities.state.blueprint import Blueprint, Seat
from activities.state.granted import granted
from activities.state.ground import Ground as Ground
from activities.state.standing import Digest, Grants, Standing
from activities.state.versions import ALIKE, Versions


def classed(pod: Pod | None, node: str, due: bool, leaving: bool, ground: Ground) -> PodClass:
    """The class of a slot with this pod, granted this node ("" if none); `leaving`: an earlier pod is on its way out."""
    if pod is None:
        return "leaving" if leaving else "missing" if node else "bare"
    if pod.done:
        return "failed"
    if pod.node:
        return "lost" if ground.lost(pod.node) else "ready" if pod.ready else "starting"
    if pod.gated:
        return _gated(pod, node, due)
    return "refused" if pod.refusal and not ground.holds(pod.role) else "pinned"


def digest(
    blueprint: Blueprint,
    pods: Iterable[Pod],
    placements: Sequence[Placement],
    ground: Ground,
    versions: Versions = ALIKE,
    attempts: Attempts = UNTRIED,
) -> Digest:
    """Where every slot stands. `placements` oldest first: where two hold one slot, the older one counts."""
    return _Digesting(blueprint, placements, ground, versions, attempts).of(pods)


def _gated(pod: Pod, node: str, due: bool) -> PodClass:
    if not node:
        return (
            "unheld" if pod.nominated else "waiting"
        )  # a place that was taken back is not to be kept from others, nor from itself
    if due:
        return "due"
    return "held" if pod.nominated == node else "unheld"


class _Digesting:
    def __init__(
        self, blueprint: Blueprint, placements: Sequence[Placement], ground: Ground, versions: Versions, attempts: Attempts
    ) -> None:
        self._blueprint = blueprint
        self._ground = ground
        self._attempts = attempts
        self._versions = versions
        self._old: frozenset[str] = frozenset()
        self._changing: frozenset[str] = frozenset()
        self._restarting: frozenset[str] = frozenset()
        self._grants = granted(blueprint.seats, placements)
        self._live: dict[str, Pod] = {}
        self._leaving: dict[str, Pod] = {}
        self._members: defaultdict[PodClass, list[Standing]] = defaultdict(list)
        self._roles: defaultdict[str, Counter[PodClass]] = defaultdict(Counter)
        self._displaced: list[Standing] = []
        self._evicted: list[Standing] = []
        self._renewed: list[Standing] = []
        self._given_up: frozenset[int] = frozenset()
        self._idle: list[Standing] = []
        self._undue: Counter[str] = Counter()

    def of(self, pods: Iterable[Pod]) -> Digest:
        for pod in pods:
            self._sort(pod)
        whole, unplanned, waiting = self._gangs()
        turns = _Turns(self._blueprint, self._ready())
        moving = self._moving()
        self._old = frozenset(pod.slot for pod in self._live.values() if self._outdated(pod))
        self._changing = self._units_that_change()
        ripe = frozenset(slot for index in (*unplanned, *waiting) for slot in self._ripe(index))
        self._restarting = self._units_that_restart()
        self._given_up = self._gangs_that_leave()
        for index, seats in enumerate(self._blueprint.by_gang):
            if index in self._given_up:
                self._leave(seats)
                continue
            for seat in seats:
                may = (whole[index] or seat.slot in ripe) and index not in moving
                self._seat(seat, turns if may else None)
        copies = self._copies()
        return Digest(
            members=self._members,
            roles=self._roles,
            grants=self._grants,
            unplanned=unplanned,
            waiting=waiting,
            granted=sum(whole),
            displaced=self._displaced,
            evicted=self._evicted,
            renewed=self._renewed,
            idle=self._idle,
            undue=self._undue,
            copies=len(copies),
            ready_copies=sum(copies.values()),
        )

    def _sort(self, pod: Pod) -> None:
        """Of several live pods in one slot the highest incarnation is its pod; the others are too many."""
        wanted = pod.slot in self._blueprint.seats
        if pod.leaving:
            if wanted and not (pod.node and self._ground.lost(pod.node)):
                self._leaving[pod.slot] = pod
            return
        rival = self._live.get(pod.slot) if wanted else pod
        if rival is None:
            self._live[pod.slot] = pod
            return
        lesser, greater = sorted((rival, pod), key=lambda each: (each.incarnation, each.name))
        if wanted:
            self._live[pod.slot] = greater
        self._put("surplus", Standing(lesser.slot, lesser.role, lesser))

    def _gangs(self) -> tuple[list[bool], list[int], list[int]]:
        node, home = self._grants.node, self._grants.home
        whole = [all(seat.slot in node for seat in seats) for seats in self._blueprint.by_gang]
        partial = [index for index, complete in enumerate(whole) if not complete]
        planned = {index: all(seat.slot in home for seat in self._blueprint.by_gang[index]) for index in partial}
        return whole, [i for i in partial if not planned[i]], [i for i in partial if planned[i]]

    def _ripe(self, index: int) -> Iterable[str]:
        """Slots of a gang that has grown whose room is whole: what was granted first does not wait for what was added."""
        node, home = self._grants.node, self._grants.home
        asked: defaultdict[str, list[str]] = defaultdict(list)
        for seat in self._blueprint.by_gang[index]:
            if seat.slot in home:
                asked[home[seat.slot].name].append(seat.slot)
        oldest_first = sorted(asked.values(), key=lambda slots: home[slots[0]].rank)
        return chain.from_iterable(takewhile(lambda slots: all(slot in node for slot in slots), oldest_first))

    def _gangs_that_leave(self) -> frozenset[int]:
        """Gangs that must leave the nodes that they still have."""
        node, displaced = self._grants.node, self._grants.displaced
        gangs = self._blueprint.gangs
        chosen = [index for index, gang in enumerate(gangs) if gang.name in displaced] if displaced else []
        return frozenset(index for index in chosen if any(seat.slot in node for seat in self._blueprint.by_gang[index]))

    def _leave(self, seats: Sequence[Seat]) -> None:
        """A gang that must leave: its pods go; the nodes are given back when the last one has gone, not before."""
        slots = [seat.slot for seat in seats]
        emptied = not any(slot in held for held in (self._live, self._leaving) for slot in slots)
        for seat in seats:
            node, pod = self._grants.node.get(seat.slot, ""), self._live.get(seat.slot)
            standing = Standing(seat.slot, seat.role, None, node, False, seat.gang)
            self._put("leaving", standing)
            if pod is not None:
                self._evicted.append(standing)
                self._put("surplus", standing._replace(pod=pod))
            elif emptied and node:
                self._displaced.append(standing)

    def _ready(self) -> Counter[str]:
        """What starts later keeps nobody waiting."""
        seats, later = self._blueprint.seats, self._grants.later
        return Counter(seats[slot].instance for slot, pod in self._live.items() if pod.ready) + Counter(
            seats[slot].instance for slot in later
        )

    def _moving(self) -> set[int]:
        """Gangs with pods that are still elsewhere than granted: none of them starts anew before those are gone."""
        seats, node = self._blueprint.seats, self._grants.node
        there = (
            pod for held in (self._live, self._leaving) for slot, pod in held.items() if pod.place != node.get(slot, pod.place)
        )
        return {seats[pod.slot].gang for pod in there if pod.place}

    def _units_that_change(self) -> frozenset[str]:
        """Units with pods of another version than is to be: none of them starts anew before those are gone."""
        going = (slot for slot, pod in self._leaving.items() if self._outdated(pod))
        return frozenset(self._versions.unit(slot) for slot in chain(self._old, going))

    def _units_that_restart(self) -> frozenset[str]:
        """Units with pods from before they were restarted: none of them starts anew before those are gone."""
        pods = (pod for held in (self._live, self._leaving) for pod in held.values())
        return frozenset(unit for pod in pods for unit in self._attempts.superseded(pod))

    def _stale(self, pod: Pod) -> bool:
        return pod.slot in self._old or bool(self._attempts.superseded(pod))

    def _outdated(self, pod: Pod) -> bool:
        """It is to be made anew."""
        wanted = self._wanted(pod)
        return not self._versions.same(pod.slot, pod.revision, wanted) and not self._renews(pod, wanted)

    def _renews(self, pod: Pod, wanted: str) -> bool:
        return bool(pod.node) and not pod.done and self._versions.renews(pod.slot, pod.revision, wanted)

    def _wanted(self, pod: Pod) -> str:
        """The revision that it is to be of."""
        placement = self._grants.home.get(pod.slot)
        return placement.revision_of(pod.slot) if placement else pod.revision

    def _seat(self, seat: Seat, turns: "_Turns | None") -> None:
        node, pod = self._grants.node.get(seat.slot, ""), self._live.get(seat.slot)
        stirs = bool(self._changing or self._restarting)
        changes = stirs and (
            self._versions.unit(seat.slot) in self._changing or not self._restarting.isdisjoint(units_around(seat.slot))
        )
        leaving, turns = seat.slot in self._leaving or changes, None if changes else turns
        if pod is not None and ((node and node != (pod.place or node)) or (stirs and self._stale(pod))):
            # Its gang was moved, or its unit is updated or restarted: the pod goes first, then the slot starts anew.
            self._put("surplus", Standing(seat.slot, seat.role, pod, node))
            pod, leaving = None, True
        idle = bool(node) and (pod is None or pod.gated)
        cold = idle and self._ground.cold(self._grants.home[seat.slot].revision_of(seat.slot), node)
        later = idle and seat.slot in self._grants.later
        due = idle and not cold and not later and turns is not None and turns.reason(seat.instance) is None
        standing = Standing(seat.slot, seat.role, pod, node, due, seat.gang)
        found = self._of_renewed(classed(pod, node, due, leaving, self._ground), standing)
        found = "later" if later and found == "held" else found
        if leaving and pod is not None and found == "held" and pod.incarnation > 0:
            found = "leaving"  # it keeps the place of one before it
        self._put(self._attempts.judged(found, pod), standing)
        if idle and self._ground.closed(node, seat.role):
            self._displaced.append(standing)
        if idle and self._ground.warms:
            self._idle.append(standing)
        if idle and not later and turns is not None and (why := turns.reason(seat.instance)) is not None:
            self._undue[why] += 1

    def _of_renewed(self, found: PodClass, standing: Standing) -> PodClass:
        """A pod that is to be changed in place serves no more, unless nothing of it has to restart."""
        pod = standing.pod
        if pod is None or found not in ("ready", "starting") or not self._renews(pod, wanted := self._wanted(pod)):
            return found
        self._renewed.append(standing)
        return found if self._versions.same(pod.slot, pod.revision, wanted) else "starting"

    def _put(self, found: PodClass, standing: Standing) -> None:
        self._members[found].append(standing)
        self._roles[standing.role][found] += 1

    def _copies(self) -> dict[int, bool]:
        copies: dict[int, bool] = {}
        for gang, seats in zip(self._blueprint.gangs, self._blueprint.by_gang, strict=True):
            if gang.minimum:
                now = (seat.slot for seat in seats if seat.slot not in self._grants.later)
                runs = all((pod := self._live.get(slot)) is not None and pod.ready for slot in now)
                copies[gang.copy_index] = runs and copies.get(gang.copy_index, True)
        return copies


class _Turns:
    """Whose turn to start has come, looked up only for those that have not started."""

    def __init__(self, blueprint: Blueprint, ready: Mapping[str, int]) -> None:
        self._free = blueprint.order.free
        self._waits_for = blueprint.order.waiting(ready, blueprint.counts)
        self._reasons: dict[str, str | None] = {}

    def reason(self, instance: str) -> str | None:
        """Why it may not start yet; None when it may."""
        if self._free:
            return None
        if instance not in self._reasons:
            self._reasons[instance] = self._waits_for(instance)
        return self._reasons[instance]


__all__ = ["Digest", "Grants", "Ground", "classed", "digest"]
