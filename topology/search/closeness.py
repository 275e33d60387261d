"""Closeness: how much of a gang's traffic stays on the fast network."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from specs.gangs import Talk
from specs.paths import plain
from topology.search.talking import is_within
from topology.supply.layout import Layout
from topology.weights import ACROSS, FURTHER

Pair = tuple[str, str]
"""Of roles."""


def closeness(layout: Layout, hosts: Mapping[str, int], talks: Sequence[Talk] = ()) -> float:
    """Mean bandwidth over all pairs of pods, as a share of the best: 1.0 when all are on one host or in one narrowest domain.

    `hosts` is the host of each slot. A pair counts as much as it says, 1 where `talks` does not tell; of two
    that name a pair the later one counts. Each level further out leaves `FURTHER` of the bandwidth. A lone pod has 1.0.
    Cost: linear in pods, times levels; and domains times pairs of roles that talk.
    """
    roles = [plain(slot) for slot in hosts] if talks else [""] * len(hosts)
    more, at, host = _more(dict.fromkeys(roles), talks), list(hosts.values()), layout.fabric.host
    total = _said([0] * len(at), roles, more)
    if total <= 0:
        return 1.0
    met = _said(at, roles, more)
    score = met
    for step, level in enumerate(range(host - 1, -1, -1)):
        there = max(met, _said([layout.domain_of(each, level) for each in at], roles, more))
        score += (there - met) * _bandwidth(step)
        met = there
    score += (total - met) * _bandwidth(max(1, host))
    return round(float(score / total), 4)


def near(layout: Layout, hosts: Mapping[str, int], talks: Sequence[Talk]) -> Iterator[tuple[Talk, float]]:
    """Of what two that talk say, the share that stays in one narrowest domain. Those that have no pods are left out."""
    if not talks:
        return
    roles, narrow = [plain(slot) for slot in hosts], max(0, layout.fabric.host - 1)
    domains = [layout.domain_of(host, narrow) for host in hosts.values()]
    for talk in talks:
        pairs = dict.fromkeys(_more(dict.fromkeys(roles), [talk]), 1.0)
        total = _said_by(pairs, [0] * len(domains), roles)
        if total:
            yield talk, round(_said_by(pairs, domains, roles) / total, 4)


def _bandwidth(step: int) -> float:
    """Of a level, counted outwards from the narrowest one above the host."""
    return 1.0 if step == 0 else float(ACROSS * FURTHER ** (step - 1))


def _more(roles: Iterable[str], talks: Sequence[Talk]) -> dict[Pair, float]:
    """What pairs of roles say beyond 1; less than nothing for those that say less."""
    found: dict[Pair, float] = {}
    for talk in talks:
        one, other = ([role for role in roles if is_within(role, end)] for end in talk.ends)
        found |= {(min(a, b), max(a, b)): talk.weight - 1 for a in one for b in other}
    return found


def _said(domains: Sequence[int], roles: Sequence[str], more: Mapping[Pair, float]) -> float:
    """What is said between pods of one domain; those in none, -1, are near nobody."""
    counts = Counter(domain for domain in domains if domain >= 0)
    return sum(count * (count - 1) / 2 for count in counts.values()) + _said_by(more, domains, roles)


def _said_by(weights: Mapping[Pair, float], domains: Sequence[int], roles: Sequence[str]) -> float:
    """The same of some pairs of roles only."""
    there = Counter(zip(domains, roles, strict=True)) if weights else Counter[tuple[int, str]]()
    known = dict.fromkeys(domain for domain, _ in there if domain >= 0)
    return sum(
        weight * (a * (a - 1) / 2 if one == other else a * b)
        for (one, other), weight in weights.items()
        for a, b in ((there[domain, one], there[domain, other]) for domain in known)
    )
