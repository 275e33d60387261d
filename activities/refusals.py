"""Refusals: which nodes the scheduler would not let a role's pods on, and for how long not to try again. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from activities.kube import Manifest
from activities.placements import Placement, Refusal

FIRST = timedelta(seconds=30)
LONGEST = timedelta(minutes=30)
REMEMBERED = timedelta(hours=1)
"""After its end a refusal still counts towards the length of the next one."""
LONGEST_MESSAGE = 300
HELD_AFTER = 3
"""Refusals in force, on whatever nodes, after which a role's pods are left where they are, with the scheduler's sentence."""
MOST = 256
"""Of one Placement; the oldest are dropped."""


def with_refusals(old: Sequence[Refusal], new: Mapping[tuple[str, str], str], now: datetime) -> tuple[Refusal, ...]:
    """Refusals with new ones ((role, node) -> sentence) added: each in a row keeps off twice as long as the one before."""
    kept = {(each.role, each.node): each for each in old if each.until + REMEMBERED > now}
    for (role, node), message in sorted(new.items()):
        known = kept.pop((role, node), None)
        count = known.count + 1 if known else 1
        kept[role, node] = Refusal(
            role, node, now + min(FIRST * 2 ** min(count - 1, 10), LONGEST), count, message[:LONGEST_MESSAGE]
        )
    return tuple(kept.values())[-MOST:]


def excluded(placements: Iterable[Placement], now: datetime) -> Mapping[tuple[str, str], str]:
    """Role and node of every refusal in force, with the scheduler's sentence."""
    return {(each.role, each.node): each.message for placement in placements for each in placement.refusals if each.until > now}


def held(placements: Iterable[Placement], now: datetime) -> frozenset[str]:
    """Roles that were refused so often of late that trying on helps nobody: they wait, until a refusal has run its time."""
    counted: Counter[str] = Counter()
    for placement in placements:
        for each in placement.refusals:
            counted[each.role] += each.count if each.until > now else 0
    return frozenset(role for role, count in counted.items() if count >= HELD_AFTER)


def as_status(refusals: Iterable[Refusal]) -> list[Manifest]:
    """As a Placement's status keeps them."""
    return [
        {
            "role": each.role,
            "node": each.node,
            "until": each.until.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "count": each.count,
            "message": each.message,
        }
        for each in refusals
    ]
