"""Refusals: which nodes the scheduler would not let a role's pods on, and for how long not to try again. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from activities.cache.placements import Placement, Refusal
from activities.cache.pods import written_time
from activities.cluster.kube import Manifest

FIRST = timedelta(seconds=30)
LONGEST = timedelta(minutes=30)
REMEMBERED = timedelta(hours=1)
"""After its end a refusal still counts towards the length of the next one."""
LONGEST_MESSAGE = 300
HELD_AFTER = 3
"""Refusals in force, on whatever nodes, after which a role's pods are left where they are, with the scheduler's sentence."""
LIFTED_UP_TO = 2
A_SECOND = timedelta(seconds=1)
"""Times are kept to the second."""
_NEVER = datetime.min.replace(tzinfo=UTC)
MOST = 256
"""Of one Placement; the oldest are dropped."""


def with_refusals(old: Sequence[Refusal], new: Mapping[tuple[str, str], str], now: datetime) -> tuple[Refusal, ...]:
    """Refusals with new ones ((role, node) -> sentence) added: each in a row keeps off twice as long as the one before."""
    kept = {(each.role, each.node): each for each in old if each.until + REMEMBERED > now}
    for (role, node), message in sorted(new.items()):
        known = kept.pop((role, node), None)
        count = known.count + 1 if known else 1
        kept[role, node] = Refusal(role, node, now + _time_of(count), count, message[:LONGEST_MESSAGE])
    return tuple(kept.values())[-MOST:]


def in_force(placements: Iterable[Placement], now: datetime, freed: Mapping[str, datetime]) -> list[Refusal]:
    """Refusals that have not run their time, and whose node has not got room since (`freed`: when each last did).

    A node that has refused more than twice has to wait all the same: on some nodes something leaves every second.
    """
    found = (each for placement in placements for each in placement.refusals if each.until > now)
    return [each for each in found if each.count > LIFTED_UP_TO or freed.get(each.node, _NEVER) < _since(each) + A_SECOND]


def excluded(refusals: Iterable[Refusal]) -> Mapping[tuple[str, str], str]:
    """Role and node of every refusal, with the scheduler's sentence."""
    return {(each.role, each.node): each.message for each in refusals}


def held(refusals: Iterable[Refusal]) -> frozenset[str]:
    """Roles that were refused so often of late that trying on helps nobody: they wait, until a refusal has run its time."""
    counted: Counter[str] = Counter()
    for each in refusals:
        counted[each.role] += each.count
    return frozenset(role for role, count in counted.items() if count >= HELD_AFTER)


def _time_of(count: int) -> timedelta:
    doubled: int = 2 ** min(count - 1, 10)
    return min(FIRST * doubled, LONGEST)


def _since(refusal: Refusal) -> datetime:
    return refusal.until - _time_of(refusal.count)


def as_status(refusals: Iterable[Refusal]) -> list[Manifest]:
    """As a Placement's status keeps them."""
    return [
        {
            "role": each.role,
            "node": each.node,
            "until": written_time(each.until),
            "count": each.count,
            "message": each.message,
        }
        for each in refusals
    ]
