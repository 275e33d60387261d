"""Runtime counts: how many of each part are wanted now. The counts in the template are only where they begin.

A path names a part: `copies`; `prefill` or `prefill/worker` in every copy and replica, those to come included; or, with all
indexes, one instance of it: `0/prefill` (the prefill replicas of copy 0), `0/prefill/1/worker`. The most exact path wins.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count as numbers
from itertools import islice

from specs.paths import COPIES as COPIES
from specs.paths import part, plain
from specs.system import MOST_PODS, MOST_REPLICAS, Group, Member, SystemSpec

Counts = Mapping[str, int]
GAPS = "/"
"""A key that no path has: how many replicas are left out. Each of them has a count of 0 at its own path (`0/decode/1`)."""


def copies(spec: SystemSpec, counts: Counts) -> int:
    """Copies wanted."""
    return counts.get(COPIES, spec.replicas)


def count_of(spec: SystemSpec, counts: Counts, path: str) -> int:
    """How many of a part are wanted: in one instance (`0/prefill`), or wherever nothing more exact is set (`prefill`).

    Never less than its minAvailable, whatever was set under an older template. Raises LookupError for an unknown path.
    """
    if path == COPIES:
        return copies(spec, counts)
    return wanted(part(spec, path), path, plain(path), counts)


def slots(spec: SystemSpec, counts: Counts) -> Iterator[str]:
    """Every wanted slot, in tree order. Cost: linear in pods."""
    for copy in range(copies(spec, counts)):
        yield from _slots(spec.members, str(copy), "", counts)


def instances(spec: SystemSpec, counts: Counts) -> Iterator[tuple[str, Member, int]]:
    """Every wanted instance of a role or group (`0/prefill`, `0/prefill/2/worker`) with its count, parents first.

    In tree order. Cost: linear in instances.
    """
    for copy in range(copies(spec, counts)):
        yield from _instances(spec.members, str(copy), "", counts)


def role_instances(spec: SystemSpec, counts: Counts) -> Iterator[tuple[str, int]]:
    """Every wanted role instance with its wanted pods, in tree order."""
    return ((exact, count) for exact, member, count in instances(spec, counts) if not isinstance(member, Group))


def pods(spec: SystemSpec, counts: Counts) -> int:
    """Pods wanted in all. Cost: members times counts set for single instances, whatever the system's size."""
    exact = _instances_named(counts)
    alike = _pods_in(spec.members, "", "", counts, exact)
    own = [copy for copy in range(copies(spec, counts)) if str(copy) in exact]
    return alike * (copies(spec, counts) - len(own)) + sum(_pods_in(spec.members, str(copy), "", counts, exact) for copy in own)


def replicas(spec: SystemSpec, counts: Counts, name: str, share: int = 1) -> int:
    """Of a role or group at the top, over all copies; or sets of so many in each copy. Cost: linear in counts that are set."""
    own = {path: int(path.partition("/")[0]) for path in counts if path.count("/") == 1 and plain(path) == name}
    there = range(copies(spec, counts))
    alike = -(-count_of(spec, counts, name) // share)
    return alike * len(there) + sum(-(-count_of(spec, counts, path) // share) - alike for path in own if own[path] in there)


def rescaled(spec: SystemSpec, counts: Counts, changes: Mapping[str, int]) -> Counts:
    """New counts with the changes made; those of instances that are no more are dropped.

    A path without indexes also clears what was set for single instances of that part. Members that the path has a ratio with
    follow, in the same copy or in all; those that the changes name themselves do not.
    Raises LookupError for a path that names nothing, ValueError for a count that can't be; nothing is changed then.
    """
    new, changes = dict(counts), {**_followers(spec, changes), **changes}
    # Broad paths first, so that {"copies": 3, "2/prefill": 4} is right in any order.
    for path in sorted(changes, key=lambda path: (path != COPIES, path[:1].isdecimal(), path.count("/"), path)):
        _check(spec, new, path, changes[path])
        for old in [old for old in new if old != path and plain(old) == path]:
            del new[old]
        new[path] = changes[path]
    kept = {path: _drawn(spec, path, new[path]) for path in sorted(new) if path == COPIES or _exists(spec, new, path)}
    if (total := pods(spec, kept)) > MOST_PODS:
        raise ValueError(
            f"that makes {total:,} pods, and a system may have {MOST_PODS:,}; ask for less, or declare several systems"
        )
    return kept


def wanted(member: Member, exact: str, path: str, counts: Counts) -> int:
    """`count_of` for those who walk the tree and have the member, its instance and its path at hand."""
    return max(counts.get(exact, counts.get(path, member.replicas)), member.minimum)


def indexes(exact: str, count: int, counts: Counts) -> Iterable[int]:
    """Of so many replicas of an instance: the lowest, but for those that are left out."""
    if GAPS not in counts:
        return range(count)
    return islice((index for index in numbers() if f"{exact}/{index}" not in counts), count)


def _followers(spec: SystemSpec, changes: Counts) -> Counts:
    """What changes of some members of a ratio make of the others: enough for each, within their limits and minimums."""
    found: dict[str, int] = {}
    for path, count in changes.items():
        copy, _, name = path.rpartition("/")
        for ratio in spec.scaling.ratios:
            if name not in ratio or plain(path) != name:
                continue
            for other in ratio.keys() - {plain(each) for each in changes}:
                follower = f"{copy}/{other}" if copy else other
                needed = _drawn(spec, other, max(-(-count * ratio[other] // ratio[name]), part(spec, other).minimum))
                found[follower] = max(needed, found.get(follower, 0))
    return found


def _drawn(spec: SystemSpec, path: str, count: int) -> int:
    """The nearest count within the limits; those in the template may have been narrowed since it was set."""
    return spec.scaling.limit(plain(path)).drawn(count)


def _slots(members: tuple[Member, ...], instance: str, above: str, counts: Counts) -> Iterator[str]:
    for member in members:
        exact, path = f"{instance}/{member.name}", f"{above}/{member.name}" if above else member.name
        for index in indexes(exact, wanted(member, exact, path, counts), counts):
            if isinstance(member, Group):
                yield from _slots(member.members, f"{exact}/{index}", path, counts)
            else:
                yield f"{exact}/{index}"


def _instances(members: tuple[Member, ...], instance: str, above: str, counts: Counts) -> Iterator[tuple[str, Member, int]]:
    for member in members:
        exact, path = f"{instance}/{member.name}", f"{above}/{member.name}" if above else member.name
        count = wanted(member, exact, path, counts)
        yield exact, member, count
        if isinstance(member, Group):
            for index in indexes(exact, count, counts):
                yield from _instances(member.members, f"{exact}/{index}", path, counts)


def _pods_in(members: tuple[Member, ...], instance: str, above: str, counts: Counts, exact_in: frozenset[str]) -> int:
    """Pods of one instance; `instance` is "" for all those that nothing is set for."""
    total = 0
    for member in members:
        exact, path = f"{instance}/{member.name}", f"{above}/{member.name}" if above else member.name
        count = wanted(member, exact, path, counts)
        if isinstance(member, Group):
            own = [f"{exact}/{index}" for index in range(count) if f"{exact}/{index}" in exact_in] if instance else []
            alike = _pods_in(member.members, "", path, counts, exact_in)
            total += alike * (count - len(own)) + sum(_pods_in(member.members, one, path, counts, exact_in) for one in own)
        else:
            total += count
    return total


def _instances_named(counts: Iterable[str]) -> frozenset[str]:
    """Every copy and group replica inside which some count is set: of `0/prefill/1/worker`, `0` and `0/prefill/1`."""
    found: set[str] = set()
    for path in counts:
        steps = path.split("/")
        if steps[0].isdecimal():
            found.update("/".join(steps[:end]) for end in range(1, len(steps), 2))
    return frozenset(found)


def _check(spec: SystemSpec, counts: Counts, path: str, count: int) -> None:
    if path != COPIES:
        _check_path(spec, counts, path)
    if count < 0 or count > MOST_REPLICAS:
        raise ValueError(f"{path} can't be {count:,}; give a number from 0 to {MOST_REPLICAS:,}")
    limit = spec.scaling.limit(plain(path))
    if count != limit.drawn(count):
        remedy = "ask for one between them, or change spec.scaling.limits"
        raise ValueError(f"{path} can't be {count:,}: its limits are {limit.min:,} and {limit.max:,}; {remedy}")
    minimum = 0 if path == COPIES else part(spec, path).minimum
    if count < minimum:
        remedy = f"ask for {minimum} or more, scale copies, or lower minAvailable in the template (a PodCliqueSet keeps it)"
        raise ValueError(f"{path} can't be {count}, because its minAvailable is {minimum}; {remedy}")


def _check_path(spec: SystemSpec, counts: Counts, path: str) -> None:
    part(spec, path)
    steps = path.split("/")
    if not any(step.isdecimal() for step in steps):
        return
    if any(step.isdecimal() != (place % 2 == 0) for place, step in enumerate(steps)) or len(steps) % 2:
        known = plain(path)
        raise LookupError(f"{path!r} must give an index for the copy and every group on the way, or none, as {known!r}")
    for end in range(0, len(steps) - 1, 2):
        _check_index(spec, counts, steps, end)


def _check_index(spec: SystemSpec, counts: Counts, steps: list[str], end: int) -> None:
    within = "/".join(steps[:end]) if end else COPIES
    there = count_of(spec, counts, within)
    if steps[end] != str(int(steps[end])):
        raise LookupError(f"{'/'.join(steps)!r} writes the index {steps[end]!r} with leading zeros; write {int(steps[end])}")
    if int(steps[end]) >= there:
        has = f"there are {there} of {within}" if there else f"there are none of {within}"
        raise LookupError(f"{'/'.join(steps)!r} does not exist: {has}, counted from 0; scale {within} first")


def _exists(spec: SystemSpec, counts: Counts, path: str) -> bool:
    try:
        _check_path(spec, counts, path)
    except LookupError:
        return False
    return True
