"""`FleetSupply`: the cluster's room, kept up to date from the cache, and the solver's questions put to placement."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from activities.cache.accepted import Acceptances, Accepted
from activities.cache.cache import Cache
from activities.cache.census import Census, SystemKey
from activities.cache.devices import NotUnderstood, with_room
from activities.cache.levels import declared_fabric, usual_pods
from activities.cache.placements import Placement, Waiting
from activities.cluster.kube import BINDINGS, FABRICS, NODES, SLICES, Kind, Manifest
from activities.room.claiming import FINISHED, Claiming, PodKey, asks_for_devices
from activities.room.demands import Want
from activities.room.neighbours import Neighbours
from activities.room.preempting import MOVING, PREEMPTING, awaited, clearings
from activities.room.priorities import Priorities
from activities.room.questions import FAULT, demand_of, heard, solved, solved_apart, told
from activities.room.room import Answers, Clearing, Room
from activities.room.takings import Taking, granted, held, revoked, shape_or_none
from activities.room.tenants import Tenants, tenants
from activities.telemetry import failed
from specs.names import SYSTEM
from specs.sections import is_true, label, section
from topology.demand import Answer, Demand, NoRoom
from topology.moves.rehousing import moved, rehoused
from topology.supply.fleet import Fleet
from topology.supply.learned import declared_mix
from topology.supply.tenants import Held, Tenancy

NOT_UNDERSTOOD = "ClaimNotUnderstood"
T = TypeVar("T")


@dataclass(frozen=True)
class Question:
    """All that the answers depend on, taken down at one moment."""

    changes: Sequence[Taking]
    wanted: Sequence[Want]
    neighbours: Mapping[SystemKey, Neighbours]
    tenants: Tenants
    preempting: frozenset[SystemKey]
    """Systems for which others may have to leave."""
    uncounted: str
    """Devices that count as taken, and why."""


class FleetSupply:
    """Changes are noted as they come, and taken in where they are needed: in the solver's thread."""

    def __init__(self, cache: Cache, census: Census, acceptances: Acceptances) -> None:
        self._cache = cache
        self._census = census
        self._acceptances = acceptances
        self._fleet = Fleet()
        self._pods: dict[PodKey, Manifest | None] = {}
        """Pods that changed since the last question; None for those that are gone."""
        self._taken_in: set[PodKey] = set()
        self._claiming = Claiming(acceptances.devices)
        self._nodes: dict[str, Taking] = {}
        self._placements: dict[tuple[str, str], Placement | None] = {}
        self._granted: dict[tuple[str, str], Mapping[str, tuple[str, ...]]] = {}
        """Slot -> what is granted to it (`_grant_of`), by Placement."""
        self._fabric: list[Taking] = []
        self._priorities = Priorities(cache)
        self._going: dict[PodKey, Manifest] = {}
        """Pods of others that are leaving."""

    @property
    def noted(self) -> int:
        """Pods whose changes wait for the next question."""
        return len(self._pods)

    def pod_changed(self, old: Manifest | None, new: Manifest | None) -> bool:
        """Any pod of the cluster; true when it held room and holds it no more."""
        known = new or old or {}
        metadata = known["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"], metadata.get("uid", ""))
        if new is not None or key in self._taken_in:
            self._pods[key] = new
        else:
            self._pods.pop(key, None)  # it came and went while nobody asked for room
        self._going.pop(key, None)
        if new is not None and "deletionTimestamp" in metadata and not label(new, SYSTEM):
            self._going[key] = new
        return _holds(old) and not _holds(new)

    def node_changed(self, old: Manifest | None, new: Manifest | None) -> bool:
        """True for a node that is new or has changed."""
        name = (new or old or {})["metadata"]["name"]
        self._nodes[name] = self._taking_node(name, new) if new else (lambda fleet: fleet.drop_node(name))
        return new is not None and (old is None or _serves(old) != _serves(new))

    def devices_changed(self, kind: Kind, old: Manifest | None, new: Manifest | None) -> bool:
        """Nodes have what their slices say; what a claim asks for is read when somebody asks."""
        self._acceptances.devices.changed()
        if kind != SLICES:
            self._pods.update(self._claiming.again())
            return True
        named = {str(section(each, "spec").get("nodeName", "")) for each in (old, new) if each}
        for name in named:
            found = self._cache.get(NODES, None, name)
            if found is not None:
                self._nodes[name] = self._taking_node(name, found)
        self._pods.update(self._claiming.again(named))
        return True

    def placement_changed(self, was: Placement | None, now: Placement | None) -> None:
        """Grants were given or taken back."""
        known = now or was
        if known is not None:
            self._placements[known.key] = now

    def fabric_changed(self, old: Manifest | None, new: Manifest | None) -> bool:
        """The declared levels changed. A Fabric comes before a binding, and of several the first by name."""
        del old, new
        try:
            found = declared_fabric(self._cache.all(FABRICS), self._cache.all(BINDINGS))
            usual = declared_mix(usual_pods(self._cache.all(FABRICS)))
        except ValueError as error:  # what its schema lets through and we do not understand: the levels stay as they were
            failed("fabric_not_understood", error)
            return False
        self._fabric = [lambda fleet: fleet.set_fabric(found), lambda fleet: fleet.set_usual(usual)]
        return True

    def prepare(self, wanted: Sequence[Want]) -> Callable[[], Answers]:
        """Take down what has changed, and what the systems of these gangs hold."""
        question = self._question(wanted)
        return lambda: self._answer(question)

    def take_in(self) -> Callable[[], None]:
        """Take down what has changed; what is returned takes it in, in a thread."""
        changes = self._question((), preempts=False).changes
        return lambda: self._take_in(changes)

    def _question(self, wanted: Sequence[Want], *, preempts: bool = True) -> Question:
        pods = [self._claiming.taking(key, pod) for key, pod in self._pods.items()]
        for key, pod in self._pods.items():
            (self._taken_in.discard if pod is None else self._taken_in.add)(key)
        accepted = {want.asked.key: want.accepted for want in wanted}
        changes = [
            *self._fabric,
            *self._nodes.values(),
            *pods,
            *self._grants(),
            *map(heard, accepted.values()),
        ]
        self._fabric, self._nodes, self._pods = [], {}, {}
        neighbours = {key: Neighbours(accepted[key].spec, self._census.placements(key)) for key in accepted}
        preempting = self._preempting(wanted) if preempts else frozenset[SystemKey]()
        concerned = bool(preempting) or any(want.keep and want.known is None for want in wanted)
        known = tenants(self._census, self._acceptances, held(self._going.values())) if concerned else Tenants((), ())
        return Question(changes, list(wanted), neighbours, known, preempting, self._claiming.said())

    def rehouse(self, wanted: Sequence[Want], *, may_stay: bool, to: Mapping[str, str]) -> Callable[[], Room | Waiting]:
        """Take down what has changed; answer for all of these gangs together."""
        question = self._question(wanted, preempts=False)
        return lambda: self._rehoused(question, to, may_stay=may_stay)

    def tenancy(self) -> Callable[[], Tenancy]:
        """Take down who holds what; a function that works it out."""
        return tenants(self._census, self._acceptances, held(self._going.values())).tenancy

    def study(self, wanted: Sequence[Want], look: Callable[[Fleet, Sequence[Demand]], T]) -> Callable[[], T]:
        """Take down what has changed; what somebody makes of the room, and of what these gangs ask for."""
        question = self._question(wanted, preempts=False)
        return lambda: look(self._fleet, self._taken_in_now(question))

    def _preempting(self, wanted: Sequence[Want]) -> frozenset[SystemKey]:
        """Systems of a higher priority than any that has something, unless they wait rather than preempt."""
        lowest = self._census.lowest_priority if wanted else None
        asking = {want.asked.key: want for want in wanted if lowest is not None and want.asked.newest.pod_priority > lowest}
        return frozenset(key for key, want in asking.items() if self._priorities.may_preempt(want.accepted.spec))

    def _taking_node(self, name: str, node: Manifest) -> Taking:
        """A node, with the devices that it has now."""
        devices = self._acceptances.devices
        return lambda fleet: fleet.put_node(with_room(devices.of_node(name), node))

    def _answer(self, question: Question) -> Answers:
        self._take_in(question.changes)
        known: list[tuple[Want, Demand]] = []
        faults: dict[int, Waiting] = {}
        for rank, want in enumerate(question.wanted):
            try:
                key = want.asked.key
                demand = demand_of(self._fleet, want, question.neighbours[key], key in question.preempting)
                known.append((want, demand))
            except NotUnderstood as error:
                faults[rank] = Waiting(NOT_UNDERSTOOD, str(error))
            except Exception as error:  # noqa: BLE001 - one strange template must not stop all placing
                failed("demand_not_understood", error, gang=want.asked.name)
                faults[rank] = Waiting(FAULT, f"what its pods ask for can't be read ({error}); delete the system and correct it")
        answers = iter(self._solved(known, question))
        return [faults[rank] if rank in faults else next(answers) for rank in range(len(question.wanted))]

    def _take_in(self, changes: Iterable[Taking]) -> None:
        for take in changes:
            _tried(take, self._fleet)

    def _taken_in_now(self, question: Question) -> Sequence[Demand]:
        """What these gangs ask for, once all that has changed was taken in. Raises NotUnderstood."""
        self._take_in(question.changes)
        return [demand_of(self._fleet, want, question.neighbours[want.asked.key]) for want in question.wanted]

    def _rehoused(self, question: Question, to: Mapping[str, str], *, may_stay: bool) -> Room | Waiting:
        try:
            demands, leaving = self._taken_in_now(question), question.wanted[0].leaving
            found = moved(self._fleet, demands, to) if to else rehoused(self._fleet, demands, leaving, may_stay=may_stay)
        except NotUnderstood as error:
            return Waiting(NOT_UNDERSTOOD, str(error))
        return Waiting(found.code, found.message) if isinstance(found, NoRoom) else Room(found.nodes, found.devices)

    def _solved(self, known: Sequence[tuple[Want, Demand]], question: Question) -> Answers:
        wanted, demands = [want for want, _ in known], [demand for _, demand in known]
        leaving, uncounted = question.tenants.leaving(), question.uncounted
        cleared: Mapping[int, Clearing] = {}
        try:
            answers = solved(self._fleet, demands, wanted, leaving)
            if any(each.preempts and isinstance(answer, NoRoom) for each, answer in zip(demands, answers, strict=True)):
                cleared = clearings(self._fleet, demands, answers, question.tenants.tenancy())
        except Exception as error:  # noqa: BLE001 - one strange demand must not stop all placing
            failed("batch_not_solved", error, gangs=len(demands))
            answers = solved_apart(self._fleet, demands, wanted)
        asked = zip(answers, wanted, strict=True)
        return [cleared[index] if index in cleared else _told(*each, leaving, uncounted) for index, each in enumerate(asked)]

    def _newly_granted(self, placement: Placement, accepted: Accepted, before: Mapping[str, tuple[str, ...]]) -> Iterable[Taking]:
        """Each slot takes what its own revision says, or where that is not kept, the newest."""
        for slot, node in placement.nodes.items():
            if before.get(slot) != _grant_of(placement, slot):
                revision = placement.revision_of(slot)
                shape = shape_or_none(self._acceptances.of(placement.namespace, placement.system, revision) or accepted, slot)
                if shape is not None:
                    yield granted(placement, slot, node, shape)

    def _grants(self) -> Iterable[Taking]:
        """What was granted or taken back since the last question."""
        changed, self._placements = self._placements, {}
        for key, placement in sorted(changed.items()):
            accepted = self._acceptances.of(key[0], placement.system, placement.revision) if placement else None
            if placement is not None and accepted is None:
                self._placements[key] = placement  # its revision is still on its way to us
                continue
            if accepted is not None:
                yield heard(accepted)
            before = self._granted.get(key, {})
            after = {slot: _grant_of(placement, slot) for slot in placement.nodes} if placement else {}
            self._granted[key] = after
            yield from revoked(key, before, after)
            if placement is not None and accepted is not None:
                yield from self._newly_granted(placement, accepted, before)


def _grant_of(placement: Placement, slot: str) -> tuple[str, ...]:
    """Its node, its revision, and its GPUs where the node shares them."""
    return placement.nodes[slot], placement.revision_of(slot), placement.devices.get(slot, "")


def _told(answer: Answer, want: Want, leaving: Sequence[Held], uncounted: str) -> Room | Waiting:
    if isinstance(answer, NoRoom) and answer.promised is not None:
        return awaited(answer.promised, leaving, MOVING if want.keep else PREEMPTING)
    said = told(answer, want)
    if isinstance(said, Waiting) and uncounted and asks_for_devices(want.accepted.shapes.values()):
        return replace(said, message=f"{said.message}; {uncounted}")
    return said


def _tried(take: Taking, fleet: Fleet) -> None:
    try:
        take(fleet)
    except ValueError as error:  # one strange object of somebody else's must not stop all placing
        failed("change_not_taken_in", error)


def _holds(pod: Manifest | None) -> bool:
    if pod is None:
        return False
    status = section(pod, "status")
    return status.get("phase") not in FINISHED and bool(pod["spec"].get("nodeName") or status.get("nominatedNodeName"))


def _serves(node: Manifest) -> tuple[object, ...]:
    labels = section(node, "metadata", "labels")
    return section(node, "spec"), labels, section(node, "status", "allocatable"), is_true(node, "Ready")
