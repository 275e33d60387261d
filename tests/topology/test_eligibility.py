"""Which nodes a pod may go to: what kube-scheduler's filters would say."""

from typing import Any

import pytest

from tests.topology.fleets import node
from topology.supply.eligibility import read_rule
from topology.supply.hosts import read_host


def affinity(*terms: list[dict[str, Any]], fields: bool = False) -> dict[str, Any]:
    kind = "matchFields" if fields else "matchExpressions"
    required = {"nodeSelectorTerms": [{kind: term} for term in terms]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}


def label(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": list(values)}


TAINT = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}
Pod = dict[str, Any]

MATCHES: dict[str, tuple[Pod, bool]] = {
    "no wish":                       ({}, True),
    "selector matches":              ({"nodeSelector": {"arch": "arm64"}}, True),
    "selector differs":              ({"nodeSelector": {"arch": "amd64"}}, False),
    "selector, no such label":       ({"nodeSelector": {"disk": "ssd"}}, False),
    "In":                            (affinity([label("arch", "In", "arm64", "x")]), True),
    "NotIn":                         (affinity([label("arch", "NotIn", "arm64")]), False),
    "NotIn, no such label":          (affinity([label("disk", "NotIn", "ssd")]), True),
    "Exists":                        (affinity([label("disk", "Exists")]), False),
    "DoesNotExist":                  (affinity([label("disk", "DoesNotExist")]), True),
    "Gt":                            (affinity([label("gen", "Gt", "6")]), True),
    "Lt":                            (affinity([label("gen", "Lt", "7")]), False),
    "Gt of a word":                  (affinity([label("arch", "Gt", "6")]), False),
    "terms are ORed":                (affinity([label("gen", "Lt", "7")], [label("gen", "Exists")]), True),
    "expressions are ANDed":         (affinity([label("gen", "Lt", "7"), label("gen", "Exists")]), False),
    "an empty term matches nothing": (affinity([]), False),
    "by name":                       (affinity([label("metadata.name", "In", "n")], fields=True), True),
    "by another name":               (affinity([label("metadata.name", "In", "m")], fields=True), False),
}  # fmt: skip


@pytest.mark.parametrize(("pod", "matches"), MATCHES.values(), ids=MATCHES)
def test_selects(pod: Pod, matches: bool) -> None:
    found = read_rule(pod).obstacle(read_host(node("n", 8, labels={"arch": "arm64", "gen": "7"})))
    assert found == ("" if matches else "excluded by nodeSelector or affinity")


def tolerating(**toleration: str) -> Pod:
    return {"tolerations": [toleration]}


SOFT = {**TAINT, "effect": "PreferNoSchedule"}
CORDON = "node.kubernetes.io/unschedulable"

#                           node                      pod                                                obstacle
TAINTS: dict[str, tuple[Pod, Pod, str]] = {
    "tainted":              ({"taints": [TAINT]},     {},                                                "tainted gpu"),
    "tolerated by value":   ({"taints": [TAINT]},     tolerating(key="gpu", value="yes"),                ""),
    "another value":        ({"taints": [TAINT]},     tolerating(key="gpu", value="no"),                 "tainted gpu"),
    "tolerated by key":     ({"taints": [TAINT]},     tolerating(key="gpu", operator="Exists"),          ""),
    "tolerates everything": ({"taints": [TAINT]},     tolerating(operator="Exists"),                     ""),
    "another effect":       ({"taints": [TAINT]},     tolerating(operator="Exists", effect="NoExecute"), "tainted gpu"),
    "advice is no taint":   ({"taints": [SOFT]},      {},                                                ""),
    "cordoned":             ({"unschedulable": True}, {},                                                "cordoned"),
    "cordon tolerated":     ({"unschedulable": True}, tolerating(key=CORDON, operator="Exists"),         ""),
}  # fmt: skip


@pytest.mark.parametrize(("spec", "pod", "obstacle"), TAINTS.values(), ids=TAINTS)
def test_taints_and_cordons(spec: Pod, pod: Pod, obstacle: str) -> None:
    assert read_rule(pod).obstacle(read_host(node("n", 8, **spec))) == obstacle


@pytest.mark.parametrize(("status", "ready"), [("True", True), ("False", False), ("Unknown", False), (None, True)])
def test_a_node_that_is_not_ready_takes_nothing(status: str | None, ready: bool) -> None:
    manifest = node("n", 8)
    manifest["status"]["conditions"] = [{"type": "Ready", "status": status}] if status else []
    assert (read_rule({}).obstacle(read_host(manifest)) == "") == ready


def test_an_unknown_operator_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="operator 'Like'; write one of In, NotIn"):
        read_rule(affinity([label("arch", "Like", "arm")]))
