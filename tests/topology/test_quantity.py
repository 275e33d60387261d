"""Quantities and requests: what Kubernetes would count."""

from typing import Any

import pytest

from topology.supply.capacity import pod_requests
from topology.supply.quantity import quantity, shown

#                      resource          written    amount
EXAMPLES = {
    "cores":            ("cpu",            "2",       2_000),
    "millicores":       ("cpu",            "500m",    500),
    "cores, a number":  ("cpu",            0.5,       500),
    "nano cores":       ("cpu",            "1n",      1),
    "rounded up":       ("cpu",            "0.1m",    1),
    "gibibytes":        ("memory",         "16Gi",    16 * 2**30),
    "gigabytes":        ("memory",         "16G",     16 * 10**9),
    "exponent":         ("memory",         "1e3",     1_000),
    "millibytes":       ("memory",         "1500m",   2),
    "half a kibibyte":  ("memory",         "0.5Ki",   512),
    "devices":          ("nvidia.com/gpu", "8",       8),
    "a plain number":   ("nvidia.com/gpu", 8,         8),
}  # fmt: skip


@pytest.mark.parametrize(("resource", "written", "amount"), EXAMPLES.values(), ids=EXAMPLES)
def test_reads(resource: str, written: str | float, amount: int) -> None:
    assert quantity(resource, written) == amount


#              written    what the sentence says
BAD = {
    "a word":         ("lots",    "memory is 'lots', which is no quantity; write it like 512Mi or 16Gi"),
    "nothing":        ("",        "no quantity"),
    "a wrong unit":   ("16gi",    "there is no unit 'gi'; did you mean 'Gi'?"),
    "negative":       ("-1",      "give an amount from 0 to"),
    "far too much":   ("9Ei",     "give an amount from 0 to"),
    "a truth":        (True,      "no quantity"),
    "two numbers":    ("1 2",     "no quantity"),
}  # fmt: skip


@pytest.mark.parametrize(("written", "says"), BAD.values(), ids=BAD)
def test_refuses_by_name(written: str, says: str) -> None:
    with pytest.raises(ValueError, match="memory is") as refusal:
        quantity("memory", written)
    assert says in str(refusal.value)


def test_amounts_are_shown_as_people_write_them() -> None:
    assert shown("cpu", 2_500) == "2.5 cpu"
    assert shown("memory", 16 * 2**30) == "16Gi memory"
    assert shown("nvidia.com/gpu", 8) == "8 nvidia.com/gpu"


def cpu(requests: str | None = None, limits: str | None = None, **more: Any) -> dict[str, Any]:
    resources = {"requests": {"cpu": requests} if requests else {}, "limits": {"cpu": limits} if limits else {}}
    return {"name": "c", "resources": resources, **more}


SIDECAR = {"restartPolicy": "Always"}

#                                                spec                                                                   millicores
PODS: dict[str, tuple[dict[str, Any], int]] = {
    "containers add up":              ({"containers": [cpu("1"), cpu("2")]},                                             3_000),
    "a limit is a request":           ({"containers": [cpu(limits="2")]},                                                2_000),
    "a request before its limit":     ({"containers": [cpu("1", "2")]},                                                  1_000),
    "a large init container counts":  ({"containers": [cpu("1")], "initContainers": [cpu("5")]},                         5_000),
    "init containers run in turn":    ({"containers": [cpu("1")], "initContainers": [cpu("2"), cpu("3")]},               3_000),
    "sidecars run on":                ({"containers": [cpu("1")], "initContainers": [cpu("2", **SIDECAR)]},              3_000),
    "init beside earlier sidecars":   ({"containers": [cpu("1")], "initContainers": [cpu("2", **SIDECAR), cpu("4")]},    6_000),
    "init before later sidecars":     ({"containers": [cpu("1")], "initContainers": [cpu("4"), cpu("2", **SIDECAR)]},    4_000),
    "overhead on top":                ({"containers": [cpu("1")], "overhead": {"cpu": "250m"}},                          1_250),
    "the pod as a whole":             ({"containers": [cpu("1")], "resources": {"requests": {"cpu": "3"}}},              3_000),
    "the pod's limit, if alone":      ({"containers": [cpu()], "resources": {"limits": {"cpu": "3"}}},                   3_000),
    "not the pod's limit otherwise":  ({"containers": [cpu("1")], "resources": {"limits": {"cpu": "3"}}},                1_000),
}  # fmt: skip


@pytest.mark.parametrize(("spec", "millicores"), PODS.values(), ids=PODS)
def test_effective_requests(spec: dict[str, Any], millicores: int) -> None:
    assert dict(pod_requests(spec)) == {"cpu": millicores, "pods": 1}


def test_a_bad_request_names_its_container() -> None:
    with pytest.raises(ValueError, match="container 'server': cpu is 'many'"):
        pod_requests({"containers": [{"name": "server", "resources": {"requests": {"cpu": "many"}}}]})


def test_the_pods_limit_counts_where_no_container_asks() -> None:
    limits = {"limits": {"cpu": "3", "memory": "1Gi"}}
    assert dict(pod_requests({"containers": [cpu("1")], "resources": limits})) == {"cpu": 1_000, "memory": 2**30, "pods": 1}


def test_containers_that_ask_for_more_than_can_be_counted_are_refused() -> None:
    much = {"name": "c", "resources": {"requests": {"memory": "1Pi"}}}
    with pytest.raises(ValueError, match=r"its containers together ask for more than .* of memory"):
        pod_requests({"containers": [much, much]})
