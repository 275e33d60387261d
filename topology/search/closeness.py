"""Closeness: how much of a gang's traffic stays on the fast network."""

from collections.abc import Iterable, Sequence

from topology.supply.layout import Layout
from topology.weights import ACROSS, FURTHER


def closeness(layout: Layout, hosts: Sequence[int]) -> float:
    """Mean bandwidth over all pairs of pods, as a share of the best: 1.0 when all are on one host or in one narrowest domain.

    `hosts` is the host of each pod. Each level further out leaves `FURTHER` of the bandwidth. A lone pod has 1.0.
    Cost: linear in pods, times levels.
    """
    pairs = len(hosts) * (len(hosts) - 1) // 2
    if not pairs:
        return 1.0
    host = layout.fabric.host
    met = _pairs(hosts)
    score = float(met)
    for step, level in enumerate(range(host - 1, -1, -1)):
        domains = [layout.domain_of(each, level) for each in hosts]
        there = max(met, _pairs(domain for domain in domains if domain >= 0))
        score += (there - met) * _bandwidth(step)
        met = there
    score += (pairs - met) * _bandwidth(max(1, host))
    return round(float(score / pairs), 4)


def _bandwidth(step: int) -> float:
    """Of a level, counted outwards from the narrowest one above the host."""
    return 1.0 if step == 0 else float(ACROSS * FURTHER ** (step - 1))


def _pairs(domains: Iterable[int]) -> int:
    counts: dict[int, int] = {}
    for domain in domains:
        counts[domain] = counts.get(domain, 0) + 1
    return sum(count * (count - 1) // 2 for count in counts.values())
