"""Pods that keep off each other's host, by an anti-affinity of their own: a role's required spread, said in another way."""

from collections.abc import Mapping
from typing import Any

from specs.fabric import HOST_LABEL
from specs.sections import entries, section
from specs.templates import REQUIRED


def repels_itself(pod_spec: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether no two pods with this spec and these labels may be on one host. Cost: linear in its terms.

    Only terms over the host with `matchLabels` and `In` are understood; what others mean the scheduler alone knows.
    """
    terms = entries(section(pod_spec, "affinity", "podAntiAffinity"), REQUIRED)
    return any(term.get("topologyKey") == HOST_LABEL and _selects(section(term, "labelSelector"), labels) for term in terms)


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    exact = section(selector, "matchLabels")
    rules = entries(selector, "matchExpressions")
    return (
        bool(exact or rules)
        and all(labels.get(key) == value for key, value in exact.items())
        and all(rule.get("operator") == "In" and labels.get(str(rule.get("key"))) in (rule.get("values") or ()) for rule in rules)
    )
