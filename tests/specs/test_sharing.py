"""Claims that pods of a PodCliqueSet share, by Grove's rules, as tables; and which pods are in which ComputeDomain."""

from typing import Any

import pytest

from specs.compute_domains import ComputeDomains
from specs.podcliqueset import PodCliqueSet
from specs.reading import SpecError, read
from specs.sharing import Sharing
from tests.specs.spoiling import CLIQUE_SET
from tests.workers.grove_set import declared

Parts = dict[str, Any]
ALL, EACH = {"name": "nic", "scope": "AllReplicas"}, {"name": "nic", "scope": "PerReplica"}
HOST = {"topologyConstraint": {"topologyName": "fabric", "pack": {"required": "host"}}}
ROUTER, WORKER = "1/router/2", "1/decode/3/worker/4"


def a_set(
    whole: Parts | None, group: Parts | None, worker: Parts | None, annotations: dict[str, str] | None = None
) -> PodCliqueSet:
    """Of two replicas, with more said of the set, of the group decode and of its worker."""
    made = declared(group=group, replicas=2)
    made["metadata"]["annotations"] = annotations or {}
    made["spec"]["template"].update(whole or {})
    made["spec"]["template"]["cliques"][2].update(worker or {})
    return PodCliqueSet.model_validate(made)


def only(sharer: Parts, **chosen: list[str]) -> Parts:
    return {**sharer, "filter": chosen}


#                                of the set   the group   the worker   claims of router 2   of worker 4 of decode 3, in replica 1
NAMED: dict[str, tuple[Parts | None, Parts | None, Parts | None, list[str], list[str]]] = {
    "nothing": (None, None, None, [], []),
    "the whole set": ({"resourceSharing": [ALL]}, None, None, ["llama-all-nic"], ["llama-all-nic"]),
    "each replica": ({"resourceSharing": [EACH]}, None, None, ["llama-1-nic"], ["llama-1-nic"]),
    "by clique": ({"resourceSharing": [only(ALL, childCliqueNames=["worker"])]}, None, None, [], ["llama-all-nic"]),
    "by group": ({"resourceSharing": [only(EACH, childScalingGroupNames=["decode"])]}, None, None, [], ["llama-1-nic"]),
    "the group": (None, {"resourceSharing": [ALL]}, None, [], ["llama-1-decode-all-nic"]),
    "each of the group": (None, {"resourceSharing": [EACH]}, None, [], ["llama-1-decode-3-nic"]),
    "others of the group": (None, {"resourceSharing": [only(EACH, childCliqueNames=["leader"])]}, None, [], []),
    "the clique": (None, None, {"resourceSharing": [ALL]}, [], ["llama-1-decode-3-worker-all-nic"]),
    "each of the clique": (None, None, {"resourceSharing": [EACH]}, [], ["llama-1-decode-3-worker-4-nic"]),
    "at every level": (
        {"resourceSharing": [ALL]},
        {"resourceSharing": [EACH]},
        {"resourceSharing": [EACH]},
        ["llama-all-nic"],
        ["llama-all-nic", "llama-1-decode-3-nic", "llama-1-decode-3-worker-4-nic"],
    ),
}


@pytest.mark.parametrize(("whole", "group", "worker", "router_s", "worker_s"), NAMED.values(), ids=NAMED)
def test_claims_of_a_pod(
    whole: Parts | None, group: Parts | None, worker: Parts | None, router_s: list[str], worker_s: list[str]
) -> None:
    sharing = Sharing(a_set(whole, group, worker))
    assert [[each.name for each in sharing.of(slot)] for slot in (ROUTER, WORKER)] == [router_s, worker_s]
    assert bool(sharing) == bool(router_s or worker_s or group)


#                                                              pods that share one claim, and whether all are on one host
SHARED: dict[str, tuple[Parts | None, Parts | None, Parts | None, int, bool]] = {
    "the whole set": ({"resourceSharing": [ALL]}, None, None, 14, False),
    "each replica": ({"resourceSharing": [EACH]}, None, None, 7, False),
    "each replica, on a host": ({"resourceSharing": [EACH], **HOST}, None, None, 7, True),
    "the whole set, each replica on a host": ({"resourceSharing": [ALL], **HOST}, None, None, 14, False),
    "each of the group, on a host": (None, {"resourceSharing": [EACH], **HOST}, None, 3, True),
    "all of the group, each on a host": (None, {"resourceSharing": [ALL], **HOST}, None, 6, False),
    "the clique": (None, None, {"resourceSharing": [ALL]}, 2, False),
    "the clique, on a host": (None, None, {"resourceSharing": [ALL], **HOST}, 2, True),
    "each of the clique": (None, None, {"resourceSharing": [EACH]}, 1, False),
}


@pytest.mark.parametrize(("whole", "group", "worker", "pods", "on_a_host"), SHARED.values(), ids=SHARED)
def test_how_many_share(whole: Parts | None, group: Parts | None, worker: Parts | None, pods: int, on_a_host: bool) -> None:
    (use,) = Sharing(a_set(whole, group, worker)).uses("worker")
    assert (use.pods, use.on_a_host) == (pods, on_a_host)


KEY = "grove.io/mnnvl-group"
#                        on the set       on the group     on the worker   ComputeDomain of router 2, of worker 4
DOMAINS: dict[str, tuple[str, str, str, str, str]] = {
    "none":             ("",              "",              "",             "",            ""),
    "of the set":       ("a",             "",              "",             "llama-1-a",   "llama-1-a"),
    "of the group":     ("",              "b",             "",             "",            "llama-1-b"),
    "nearest first":    ("a",             "b",             "c",            "llama-1-a",   "llama-1-c"),
    "opted out":        ("a",             "none",          "",             "llama-1-a",   ""),
}  # fmt: skip


@pytest.mark.parametrize(("of_set", "of_group", "of_worker", "router", "worker"), DOMAINS.values(), ids=DOMAINS)
def test_compute_domain_of_a_pod(of_set: str, of_group: str, of_worker: str, router: str, worker: str) -> None:
    said = [{"annotations": {KEY: each}} if each else None for each in (of_group, of_worker)]
    domains = ComputeDomains(a_set(None, said[0], said[1], {KEY: of_set} if of_set else {}))
    assert [domains.of(ROUTER), domains.of(WORKER)] == [router, worker]


def test_cliques_without_gpus_are_in_no_compute_domain() -> None:
    made = declared()
    made["metadata"]["annotations"] = {KEY: "a"}
    for clique in made["spec"]["template"]["cliques"]:
        clique["spec"]["podSpec"]["containers"][0]["resources"] = {"limits": {"nvidia.com/gpu": "0"}}
    assert not ComputeDomains(PodCliqueSet.model_validate(made))


OWN = "    resourceClaimTemplates: [{name: nic, templateSpec: {spec: {devices: {requests: [{name: nic}]}}}}]\n    cliques:"
REFUSED = {
    "nothing asked": (OWN.replace("[{name: nic}]}", "[]}"), "at least one device request"),
    "twice": (
        "    resourceSharing: [{name: x, scope: PerReplica}, {name: x, scope: AllReplicas}]\n    cliques:",
        "names 'x' twice",
    ),
    "no clique": (
        "    resourceSharing: [{name: x, scope: PerReplica, filter: {childCliqueNames: [rooter]}}]\n    cliques:",
        "names 'rooter', which is not found; did you mean 'router'?",
    ),
    "no group": (
        "    resourceSharing: [{name: x, scope: PerReplica, filter: {childScalingGroupNames: [decode]}}]\n    cliques:",
        "names 'decode', which is not found; there is prefill",
    ),
    "elsewhere": (
        OWN.replace("    cliques:", "    resourceSharing: [{name: nic, namespace: other, scope: PerReplica}]\n    cliques:"),
        "namespace must be empty when name matches an internal resourceClaimTemplate",
    ),
}


@pytest.mark.parametrize(("text", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refused(text: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence.replace("?", r"\?")):
        read(CLIQUE_SET.replace("    cliques:", text, 1), "f")
