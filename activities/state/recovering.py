"""Which units did not become whole again in time, and are to be restarted as a whole. Pure.

A pod troubles its unit when it failed or crash loops, was Ready and is not any more, came later than others of its unit were
Ready, or waits for room while others of its copy run. What only starts, however long, troubles nobody. A role is broken when so
many of its pods are in trouble that it lacks its minimum; a replica of a group when a role in it is; a copy when a role or group
at its top is.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from activities.cache.pods import Pod
from activities.messages import GIVEN_UP, PodClass, Wait
from activities.state.attempts import Attempts, units_around
from activities.state.blueprint import Blueprint
from activities.state.standing import Digest, Standing
from activities.state.versions import Versions
from specs.members import Group, named
from specs.paths import part, plain

NOT_WHOLE, BUDGET = "NotWhole", "Budget"
TROUBLED: tuple[PodClass, ...] = ("failed", "halted", "lost", "refused", "starting", "pinned", "due", "held", "unheld", "waiting")
SETTLING = timedelta(seconds=2)
"""A pod whose Ready changed later than this after it got its node had been Ready."""


@dataclass(frozen=True)
class Breach:
    """A unit that lacks its minimum."""

    unit: str
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
    troubles = dict(_troubles(found, attempts, versions))
    if not troubles:
        return NOTHING
    return _judged(plan, found, attempts, list(_breaches(plan, found, troubles, scope)))


def _troubles(found: Digest, attempts: Attempts, versions: Versions) -> Iterator[tuple[str, tuple[datetime, Standing]]]:
    """Slot -> since when it is in trouble, and its pod."""
    ready = _first_ready(found.members["ready"], versions)
    copies = {unit: moment for unit, moment in ready.items() if "/" not in unit}
    for state in TROUBLED:
        for standing in found.members[state]:
            pod = standing.pod
            near = copies.get(standing.slot.partition("/")[0]) if state == "waiting" else ready.get(versions.unit(standing.slot))
            since = _since(pod, state, near) if pod else None
            if pod is not None and since is not None:
                known = attempts.of(standing.slot, pod.revision, since)
                yield standing.slot, (min(since, known.first) if known else since, standing)


def _since(pod: Pod, state: PodClass, ready: datetime | None) -> datetime | None:
    if state in ("failed", "halted", "lost") or pod.failure:
        return pod.turned or pod.created
    if pod.renewing:
        return None
    if pod.node and pod.bound and pod.turned and pod.turned > pod.bound + SETTLING:
        return pod.turned
    if ready is None or pod.created is None:
        return None
    moment = (pod.created, pod.incarnation > 0)  # moments have whole seconds: who is a replacement came after the first
    return pod.created if moment > (ready, False) else None


def _first_ready(standings: Iterable[Standing], versions: Versions) -> Mapping[str, datetime]:
    """Unit of a rollout, or copy -> when the first of its pods that are Ready became so."""
    first: dict[str, datetime] = {}
    for standing in standings:
        if standing.pod and standing.pod.turned:
            for unit in (versions.unit(standing.slot), standing.slot.partition("/")[0]):
                first[unit] = min(first.get(unit, standing.pod.turned), standing.pod.turned)
    return first


def _breaches(plan: Blueprint, found: Digest, troubles: Mapping[str, tuple[datetime, Standing]], scope: str) -> Iterator[Breach]:
    instances: defaultdict[str, list[tuple[datetime, Standing]]] = defaultdict(list)
    for slot, trouble in troubles.items():
        instances[plan.seats[slot].instance].append(trouble)
    roles = [breach for name, held in instances.items() if (breach := _lacking(plan, name, held))]
    replicas = list(_earliest(each for each in roles if _in_group(plan, each.unit)))
    alone = [each for each in roles if not _in_group(plan, each.unit)]
    on_nodes = _on_nodes(found)
    partly = [each for each in replicas if each.unit in on_nodes]  # who only waits for room has nothing to be stopped
    if scope == "group":
        yield from partly
        return
    groups: defaultdict[str, list[tuple[datetime, Standing]]] = defaultdict(list)
    for each in replicas:
        groups[each.unit.rpartition("/")[0]].append((each.since, each.first))
    tops = [*alone, *(breach for name, held in groups.items() if (breach := _lacking(plan, name, held)))]
    copies = list(_earliest(tops, depth=1))
    whole = {each.unit for each in copies}
    yield from copies
    if scope == "gang":
        yield from (each for each in partly if each.unit.partition("/")[0] not in whole)


def _on_nodes(found: Digest) -> set[str]:
    """Group replicas that have pods on nodes. Cost: linear in pods."""
    standings = (each for held in found.members.values() for each in held)
    return {"/".join(each.slot.split("/")[:3]) for each in standings if each.pod and each.pod.node}


def _lacking(plan: Blueprint, instance: str, held: list[tuple[datetime, Standing]]) -> Breach | None:
    """A role, or a group, that lacks its minimum: since so many of it were in trouble that too few were left."""
    member = part(plan.system.spec, plain(instance))
    there = plan.parts.get(instance, 0)
    spare = there - min(member.minimum, there)
    ordered = sorted(held, key=lambda each: (each[0], each[1].slot))
    return Breach(instance, ordered[spare][0], ordered[spare][1]) if member.minimum and len(ordered) > spare else None


def _in_group(plan: Blueprint, instance: str) -> bool:
    """Whether a role is in a group; one in an inner replica above its minimum is nobody's minimum."""
    steps = instance.split("/")
    return isinstance(named(plan.system.spec.members, steps[1]), Group)


def _earliest(breaches: Iterable[Breach], depth: int = 3) -> Iterator[Breach]:
    """One for each unit so deep: the one that began first."""
    units: dict[str, Breach] = {}
    for each in breaches:
        unit = "/".join(each.unit.split("/")[:depth])
        if unit not in units or each.since < units[unit].since:
            units[unit] = Breach(unit, each.since, each.first)
    yield from (units[unit] for unit in sorted(units))


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
