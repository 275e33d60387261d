"""Which nodes a class of pods may go to at all, whatever is free there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from specs.sections import entries, section
from topology.supply.hosts import Host, Taint

SET_ASIDE = "set aside after a refusal"
APART = "too near to a system that it keeps apart from"
_CORDON = Taint("node.kubernetes.io/unschedulable")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")


@dataclass(frozen=True, slots=True)
class Toleration:
    """A taint that the pod does not mind."""

    key: str
    operator: str
    value: str
    effect: str

    def covers(self, taint: Taint) -> bool:
        if self.effect not in {"", taint.effect} or self.key not in {"", taint.key}:
            return False
        if self.operator in {"Gt", "Lt"}:
            return _compared(self.operator, taint.value, self.value)
        return self.operator == "Exists" or (self.value == taint.value and self.key != "")


@dataclass(frozen=True, slots=True)
class Expression:
    """One requirement on a label (or on the node's name)."""

    key: str
    operator: str
    values: tuple[str, ...]

    def holds(self, value: str | None) -> bool:
        """Whether a label of that value, or none, will do."""
        match self.operator:
            case "In":
                return value is not None and value in self.values
            case "NotIn":
                return value is None or value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
            case _:
                return value is not None and len(self.values) == 1 and _compared(self.operator, value, self.values[0])


@dataclass(frozen=True, slots=True)
class Term:
    """Requirements that must hold together. An empty term matches no node."""

    labels: tuple[Expression, ...]
    fields: tuple[Expression, ...]

    def matches(self, host: Host) -> bool:
        if not self.labels and not self.fields:
            return False
        own = all(e.holds(host.labels.get(e.key)) for e in self.labels)
        return own and all(e.holds(_field(host, e.key)) for e in self.fields)


@dataclass(frozen=True, slots=True)
class Rule:
    """A pod template's say about nodes: its node selector, required node affinity and tolerations."""

    selector: tuple[tuple[str, str], ...] = ()
    terms: tuple[Term, ...] | None = None
    """Any of them; None when there is no affinity."""
    tolerations: tuple[Toleration, ...] = ()
    barred: frozenset[str] = frozenset()
    """Names of nodes that refused such a pod lately."""
    apart: frozenset[str] = frozenset()
    """Names of nodes in domains of systems that it keeps apart from."""

    def obstacle(self, host: Host) -> str:
        """Why such a pod can't go there, in a word or two; "" when it can. Cost: about 1 us.

        Source: the filters NodeUnschedulable, TaintToleration and NodeAffinity of kube-scheduler.
        """
        if not host.ready:
            return "not ready"
        if host.cordoned and not self._tolerates(_CORDON):
            return "cordoned"
        for taint in host.taints:
            if not self._tolerates(taint):
                return "cordoned" if taint.key == _CORDON.key else f"tainted {taint.key}"
        if not self._selects(host):
            return "excluded by nodeSelector or affinity"
        if host.name in self.apart:
            return APART
        return SET_ASIDE if host.name in self.barred else ""

    def bound(self, label: str, values: tuple[str, ...]) -> "Rule":
        """The same, and only nodes whose label has one of these values; all of them when there are none."""
        if not values:
            return self
        also = Expression(label, "In", values)
        around = (Term((), ()),) if self.terms is None else tuple(term for term in self.terms if term.labels or term.fields)
        return replace(self, terms=tuple(replace(term, labels=(*term.labels, also)) for term in around))

    def _tolerates(self, taint: Taint) -> bool:
        return any(toleration.covers(taint) for toleration in self.tolerations)

    def _selects(self, host: Host) -> bool:
        if any(host.labels.get(key) != value for key, value in self.selector):
            return False
        return self.terms is None or any(term.matches(host) for term in self.terms)


ANYWHERE = Rule()
"""No say at all: any node that is ready, not cordoned and not tainted."""


def read_rule(spec: Mapping[str, Any]) -> Rule:
    """The rule of a pod spec. Raises ValueError for an operator that is unknown or values that do not go with it."""
    selector = tuple(sorted(section(spec, "nodeSelector").items()))
    required = section(spec, "affinity", "nodeAffinity").get(_REQUIRED)
    terms = None if required is None else tuple(_term(term) for term in entries(required, "nodeSelectorTerms"))
    tolerations = tuple(
        Toleration(t.get("key") or "", t.get("operator") or "Equal", t.get("value") or "", t.get("effect") or "")
        for t in spec.get("tolerations") or ()
    )
    return Rule(selector, terms, tolerations)


def _term(term: Mapping[str, Any]) -> Term:
    return Term(_expressions(term.get("matchExpressions") or ()), _expressions(term.get("matchFields") or ()))


def _expressions(listed: Iterable[Mapping[str, Any]]) -> tuple[Expression, ...]:
    found = tuple(Expression(str(e.get("key")), str(e.get("operator")), tuple(e.get("values") or ())) for e in listed)
    for expression in found:
        if expression.operator not in _OPERATORS:
            known = ", ".join(_OPERATORS)
            raise ValueError(f"node affinity on {expression.key!r} has operator {expression.operator!r}; write one of {known}")
    return found


def _field(host: Host, key: str) -> str | None:
    return host.name if key == "metadata.name" else None


def _compared(operator: str, have: str, want: str) -> bool:
    try:
        return int(have) > int(want) if operator == "Gt" else int(have) < int(want)
    except ValueError:
        return False
