"""PodDisruptionBudgets that others laid over a system's pods, and what a move has to leave alone for them. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from activities.cluster.kube import Manifest
from specs.names import SYSTEM
from specs.sections import entries, section
from topology.supply.eligibility import Expression

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Guard:
    """One budget."""

    name: str
    slots: frozenset[str]
    """Of the system's pods that it selects."""
    allowed: int
    """How many of them may go now."""


Guards = tuple[Guard, ...]


def guards(budgets: Iterable[Manifest], ready: Mapping[str, Labels], unready: Mapping[str, Labels]) -> Guards:
    """Of one namespace, by name; ours are none. `ready` and `unready`: slot -> labels of its pod.

    What is not Ready counts as gone, whether its budget has seen that yet or not: never more goes than it allows.
    """
    found: list[Guard] = []
    for budget in sorted(budgets, key=lambda each: str(each["metadata"]["name"])):
        selector = budget["spec"].get("selector")
        slots = frozenset(slot for slot, labels in ready.items() if selects(selector, labels))
        if slots and SYSTEM not in section(budget, "metadata", "labels"):
            out = sum(selects(selector, labels) for labels in unready.values())
            allowed = int(section(budget, "status").get("disruptionsAllowed") or 0)
            found.append(Guard(budget["metadata"]["name"], slots, max(0, allowed - out)))
    return tuple(found)


def forbids(known: Guards, going: Collection[str]) -> str:
    """The first budget that does not allow all of these slots to go at once; "" when all do."""
    return next((each.name for each in known if len(each.slots & {*going}) > each.allowed), "")


def selects(selector: Mapping[str, Any] | None, labels: Labels) -> bool:
    """As Kubernetes has it: an empty selector selects all, none at all selects nothing."""
    if selector is None:
        return False
    exact = section(selector, "matchLabels").items()
    rules = (
        Expression(each["key"], each["operator"], tuple(each.get("values") or ()))
        for each in entries(selector, "matchExpressions")
    )
    return all(labels.get(key) == value for key, value in exact) and all(rule.holds(labels.get(rule.key)) for rule in rules)
