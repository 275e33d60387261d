"""PodDisruptionBudgets: what drains and autoscalers may take away of a system, as its own budget has it. Pure.

They count pods, and `spec.rollout` counts units. Whoever evicts chooses the pods: two on one host may be of two units. So no more
pods may go at once than units may be unavailable; then no choice of them hurts more units than that.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from specs import names
from specs.counts import Counts, copies, pods, replicas
from specs.members import Member, Role
from specs.owners import Manifest, Owner
from specs.paths import COPIES, walk
from specs.system import SystemSpec


@dataclass(frozen=True)
class _Part:
    """What one budget is counted over: a role, a group, a set of those that go together, or all of them."""

    name: str
    """Of the budget, after that of the system."""
    members: tuple[Member, ...]
    units: int
    key: str = ""
    """What `maxUnavailableOf` may say something else for."""


def disruption_budgets(owner: Owner, spec: SystemSpec, counts: Counts) -> list[Manifest]:
    """One for each role, group, set or all of it, over all copies, as `spec.unit` has it; none where all units may go at once.

    An integer `minAvailable`, as bare pods allow nothing else. Cost: members times counts set for single instances.
    """
    made: list[Manifest] = []
    for part in _parts(spec, counts):
        total = pods(spec.model_copy(update={"members": part.members, "together": ()}), counts)
        if (kept := total - _allowed(spec, part)) > 0:
            made.append(_budget(owner, part, kept))
    return made


def _allowed(spec: SystemSpec, part: _Part) -> int:
    """Units; one at least, or no node could ever be drained."""
    return max(1, spec.rollout.allowed(part.units, part.key))


def _parts(spec: SystemSpec, counts: Counts) -> Iterator[_Part]:
    """Where all units of what changes together may go at once, its roles and groups are still minded one by one."""
    whole = _Part(COPIES, spec.members, copies(spec, counts))
    if spec.unit == "copy" and whole.units > _allowed(spec, whole):
        yield whole
        return
    sets = [each for each in _sets(spec, counts) if each.units > _allowed(spec, each)] if spec.unit == "set" else []
    yield from sets
    paired = {member.name for each in sets for member in each.members}
    alone = (_Part(each.name, (each,), replicas(spec, counts, each.name), each.name) for each in spec.members)
    yield from (each for each in alone if each.name not in paired and each.units > _allowed(spec, each))


def _sets(spec: SystemSpec, counts: Counts) -> Iterator[_Part]:
    for index, rule in enumerate(spec.together):
        units = max(replicas(spec, counts, name, rule.share(name)) for name in rule.members)
        members = tuple(each for each in spec.members if each.name in rule.members)
        yield _Part(f"together.{index}", members, units, "+".join(rule.members))


def _budget(owner: Owner, part: _Part, kept: int) -> Manifest:
    roles = [names.label_value(path) for path, each in walk(part.members) if isinstance(each, Role)]
    chosen = {"key": names.ROLE, "operator": "In", "values": roles}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": owner.metadata(names.budget_name(owner.name, part.name)),
        "spec": {
            "minAvailable": kept,
            "selector": {"matchLabels": {names.SYSTEM: owner.name}, "matchExpressions": [chosen]},
        },
    }
