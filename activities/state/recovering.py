"""Which units did not become whole again in time, and are to be restarted as a whole. Pure.

Read from the top, it goes up the tree, from pods to units:

1. `_troubles`: pods that do not do their share. A pod that failed, crash loops or is lost; that was Ready and is not any more;
   that came later than others of its unit were Ready; or that waits for room while others of its copy run. What only starts,
   however long, troubles nobody.
2. `_lacking`: parts of which too few are left. A role instance lacks its minimum when so many of its pods are in trouble; a
   group when so many of its replicas are.
3. `_breaches`: the units around such parts that `spec.recovery.scope` says are restarted.
4. `_judged`: is its time over, is it its turn (`attempts.py`), does the budget allow it? If not, what is told meanwhile, and
   when to look again.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from activities.cache.pods import Pod
from activities.messages import GIVEN_UP, PodClass, Wait
from activities.state.attempts import Attempts, units_around
from activities.state.blueprint import Blueprint
from activities.state.standing import Digest, Standing
from activities.state.versions import Versions
from specs.members import Group, named
from specs.paths import parent, part, plain
from specs.recovery import Scope

NOT_WHOLE, BUDGET = "NotWhole", "Budget"
COPY, REPLICA = 1, 3
"""Steps in the path of a copy, and of a replica of a group at its top."""
TROUBLED: tuple[PodClass, ...] = ("failed", "halted", "lost", "refused", "starting", "pinned", "due", "held", "unheld", "waiting")


@dataclass(frozen=True)
class Breach:
    """Something that does not do its share: a pod, by its slot; a part that lacks its minimum; a unit with such a part."""

    unit: str
    """Its path."""
    since: datetime
    first: Standing
    """The pod that shows why."""


@dataclass(frozen=True)
class Recovering:
    """What is to be restarted as a whole, and what waits for that."""

    due: tuple[Breach, ...] = ()
    waits: tuple[Wait, ...] = ()
    ends: tuple[datetime, ...] = ()
    """When the next ones are due."""


NOTHING = Recovering()


def recovering(plan: Blueprint, found: Digest, attempts: Attempts, versions: Versions) -> Recovering:
    """Nothing, at the cost of a glance, where no pod is in trouble or nothing is restarted as a whole; else linear in pods."""
    scope = attempts.recovery.scope
    if scope == "pod" or not any(found.members[state] for state in TROUBLED):
        return NOTHING
    troubles = list(_troubles(found, attempts, versions))
    return _judged(plan, found, attempts, _breaches(plan, found, troubles, scope)) if troubles else NOTHING


def _troubles(found: Digest, attempts: Attempts, versions: Versions) -> Iterator[Breach]:
    """Pods, each since the first failure of its row."""
    ready = _first_ready(found.members["ready"], versions)
    for state in TROUBLED:
        for standing in found.members[state]:
            pod = standing.pod
            others = standing.slot.partition("/")[0] if state == "waiting" else versions.unit(standing.slot)
            since = _since(pod, state, ready.get(others)) if pod else None
            if pod is not None and since is not None:
                known = attempts.of(standing.slot, pod.revision, since)
                yield Breach(standing.slot, min(since, known.first) if known else since, standing)


def _since(pod: Pod, state: PodClass, ready: datetime | None) -> datetime | None:
    """When its trouble began; None when it is in none. `ready`: when the first of the others was."""
    if state in ("failed", "halted", "lost") or pod.failure:
        return pod.turned or pod.created
    if pod.renewing:
        return None
    if pod.node and pod.bound and pod.turned and not pod.never_ready:
        return pod.turned
    if ready is None or pod.began is None:
        return None
    moment = (pod.began, pod.incarnation > 0)  # moments have whole seconds: who is a replacement came after the first
    return pod.began if moment > (ready, False) else None


def _first_ready(standings: Iterable[Standing], versions: Versions) -> Mapping[str, datetime]:
    """Unit of a rollout, or copy -> when the first of its pods that are Ready became so."""
    first: dict[str, datetime] = {}
    for standing in standings:
        if standing.pod and standing.pod.turned:
            for unit in (versions.unit(standing.slot), standing.slot.partition("/")[0]):
                first[unit] = min(first.get(unit, standing.pod.turned), standing.pod.turned)
    return first


def _breaches(plan: Blueprint, found: Digest, troubles: Iterable[Breach], scope: Scope) -> list[Breach]:
    roles = _lacking(plan, troubles)
    replicas = _earliest((each for each in roles if _in_group(plan, each.unit)), REPLICA)
    on_nodes = _on_nodes(found)
    partly = [each for each in replicas if each.unit in on_nodes]  # who only waits for room has nothing to be stopped
    if scope == "group":
        return partly
    top = [each for each in roles if not _in_group(plan, each.unit)]
    copies = _earliest([*top, *_lacking(plan, replicas)], COPY)
    if scope == "copy":
        return copies
    whole = {each.unit for each in copies}
    return [*copies, *(each for each in partly if each.unit.partition("/")[0] not in whole)]


def _on_nodes(found: Digest) -> set[str]:
    """Group replicas that have pods on nodes. Cost: linear in pods."""
    standings = (each for held in found.members.values() for each in held)
    return {"/".join(each.slot.split("/")[:REPLICA]) for each in standings if each.pod and each.pod.node}


def _lacking(plan: Blueprint, parts: Iterable[Breach]) -> list[Breach]:
    """Role instances, or groups, around these parts that lack their minimum: each since it had one too few."""
    around: defaultdict[str, list[Breach]] = defaultdict(list)
    for each in parts:
        around[parent(each.unit)].append(each)
    found: list[Breach] = []
    for instance, out in around.items():
        minimum, there = part(plan.system.spec, plain(instance)).minimum, plan.parts.get(instance, 0)
        spare = there - min(minimum, there)
        if minimum and len(out) > spare:
            first = sorted(out, key=lambda each: (each.since, each.unit))[spare]
            found.append(replace(first, unit=instance))
    return found


def _in_group(plan: Blueprint, instance: str) -> bool:
    """Whether a role is in a group; one in an inner replica above its minimum is nobody's minimum."""
    steps = instance.split("/")
    return isinstance(named(plan.system.spec.members, steps[1]), Group)


def _earliest(parts: Iterable[Breach], steps: int) -> list[Breach]:
    """Their units, so many steps deep, by name: each since the first of its parts."""
    units: dict[str, Breach] = {}
    for each in parts:
        unit = "/".join(each.unit.split("/")[:steps])
        if unit not in units or each.since < units[unit].since:
            units[unit] = replace(each, unit=unit)
    return [units[unit] for unit in sorted(units)]


def _judged(plan: Blueprint, found: Digest, attempts: Attempts, breaches: list[Breach]) -> Recovering:
    due: list[Breach] = []
    waits: list[Wait] = []
    ends: list[datetime] = []
    for breach in breaches:
        known = attempts.of(breach.unit, plan.revision, breach.since)
        turn = attempts.turn(known)
        if turn.at is None:
            waits.append(Wait(reason=GIVEN_UP, message=_given_up(plan, breach, turn.count), first=breach.first.slot))
            continue
        since = max(breach.since, known.at) if known else breach.since
        at = max(since + attempts.recovery.delayed, turn.at)
        if at <= attempts.now:
            due.append(breach)
        else:
            waits.append(Wait(reason=NOT_WHOLE, message=_told(breach, at), first=breach.first.slot))
            ends.append(at)
    chosen = _within_budget(plan, found, attempts, due)
    waits.extend(Wait(reason=BUDGET, message=_held(each), first=each.first.slot) for each in due if each not in chosen)
    return Recovering(tuple(chosen), tuple(waits), tuple(ends))


def _within_budget(plan: Blueprint, found: Digest, attempts: Attempts, due: list[Breach]) -> list[Breach]:
    """A replica that is broken serves nobody: nothing is taken away with it. A copy that is may serve with what is left."""
    rollout = plan.system.spec.rollout
    waiting = {each.unit for each in due}
    idle = {standing.slot.partition("/")[0] for state in TROUBLED for standing in found.members[state]}
    underway = [copy for copy in sorted(idle - waiting) if attempts.restarted(f"{copy}/")]
    free = max(0, max(1, rollout.allowed(found.copies or 1)) - len(underway))
    copies = [each for each in due if "/" not in each.unit]
    return [*copies[:free], *(each for each in due if "/" in each.unit)]


def members_of(plan: Blueprint, unit: str) -> tuple[str, ...]:
    """Slots of a unit."""
    return tuple(slot for slot in plan.seats if unit in units_around(slot))


def _name(unit: str) -> str:
    return f"copy {unit}" if "/" not in unit else unit


def _told(breach: Breach, at: datetime) -> str:
    pod = breach.first.pod.name if breach.first.pod else breach.first.slot
    return f"{_name(breach.unit)} lacks its minimum (pod {pod}); unless that ends it is restarted as a whole at {at:%H:%M:%S} UTC"


def _held(breach: Breach) -> str:
    return (
        f"{_name(breach.unit)} is to be restarted as a whole, when as many copies are whole again as rollout.maxUnavailable asks"
    )


def _given_up(plan: Blueprint, breach: Breach, count: int) -> str:
    pod = breach.first.pod
    why = pod.failure.message if pod and pod.failure else "it is not Ready"
    named_pod = pod.name if pod else breach.first.slot
    what = f"{_name(breach.unit)} was restarted {count} times in a row and pod {named_pod} fails again ({why})"
    return f"{what}; mend it, then: espalier recover {plan.name}"
