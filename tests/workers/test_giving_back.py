"""A set goes back to Grove past the webhook that is asked about every edit; and what of Grove's is not taken over."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from activities.cluster.kube import ACCOUNTS, CLAIMS, CLIQUE_SETS, CLIQUES, DOMAINS, GROUPS, Kind, Manifest, Refused
from activities.listening.admission import Admission
from specs.adoption import GROVES_FINALIZER
from specs.names import FINALIZER, SYSTEM
from tests.activities.memory_kube import MemoryCluster, MemoryKube
from tests.activities.test_bindings import cache_of
from tests.workers.grove_set import clique, declared
from workers.adopting import adopt
from workers.giving_back import give_back
from workers.simulated.patching import merged


class Asked(MemoryKube):
    """Asks Espalier before it stores an edit of a set, as the API server does."""

    async def patch(
        self,
        kind: Kind,
        name: str,
        patch: Sequence[Mapping[str, Any]] | Mapping[str, Any],
        namespace: str | None = None,
        subresource: str = "",
    ) -> Manifest:
        if kind == CLIQUE_SETS and isinstance(patch, Mapping) and "spec" in patch:
            old = await self.get(kind, name, namespace)
            request = {"uid": "r", "name": name, "namespace": namespace, "object": merged(old, patch), "oldObject": old}
            said = Admission(cache_of()).review({"request": request})["response"]
            if not said["allowed"]:
                raise Refused(said["status"]["message"], status=422)
        return await super().patch(kind, name, patch, namespace, subresource)


async def leave(namespace: str, name: str) -> None:
    assert (namespace, name) == ("default", "llama")


async def test_a_set_that_says_how_it_rolls_goes_back_without_it_and_says_so() -> None:
    cluster, told = MemoryCluster(), list[str]()
    made = declared(group={"rollingUpdate": {"maxUnavailable": 2}})
    made["metadata"]["finalizers"] = [FINALIZER, "example.com/kept"]
    cliques = made["spec"]["template"]["cliques"]
    cliques[0] = {**clique("router", 3), "rollingUpdate": {"maxUnavailable": 1}}
    cluster.put(CLIQUE_SETS, made)
    assert await give_back(Asked(cluster), leave, "default", ["llama"], told.append) == 1
    stored = cluster.get(CLIQUE_SETS, "llama", "default")
    assert stored["metadata"]["finalizers"] == ["example.com/kept", GROVES_FINALIZER]
    assert stored["spec"]["updateStrategy"] == {"type": "OnDelete"}
    template = stored["spec"]["template"]
    assert "rollingUpdate" not in str(template)
    assert template["cliques"][1:] == cliques[1:]
    (line,) = told
    assert line.startswith("default/llama: 0 pods go on; its updateStrategy is OnDelete")
    assert line.endswith("and goes without rollingUpdate, which router, decode had")


@pytest.mark.parametrize("named", [False, True])
async def test_an_account_is_taken_over_only_where_pods_run_under_it(named: bool) -> None:
    """Else it is what Grove's init containers ask with: nothing of Espalier's wants it, and it would go."""
    cluster, told = MemoryCluster(), list[str]()
    made = declared()
    made["metadata"] |= {"finalizers": [GROVES_FINALIZER], "namespace": "default"}
    if named:
        made["spec"]["template"]["cliques"][0]["spec"]["podSpec"]["serviceAccountName"] = "llama"
    cluster.put(CLIQUE_SETS, made)
    labels = {"app.kubernetes.io/managed-by": "grove-operator", "app.kubernetes.io/part-of": "llama"}
    cluster.put(ACCOUNTS, {"metadata": {"name": "llama", "namespace": "default", "labels": labels}})
    assert await adopt(MemoryKube(cluster), "default", ["llama"], told.append) == 1
    assert (SYSTEM in cluster.get(ACCOUNTS, "llama", "default")["metadata"]["labels"]) == named


CLIQUE_LABEL, GROUP_LABEL = "grove.io/podclique", "grove.io/podcliquescalinggroup"
SET_OWNER, CLIQUE_OWNER = ("PodCliqueSet", "llama"), ("PodClique", "llama-0-router")
GROUP_OWNER = ("PodCliqueScalingGroup", "llama-0-decode")
#                            kind      labels                            whose
SHARED: dict[str, tuple[Kind, dict[str, str], tuple[str, str]]] = {
    "llama-all-channel":    (CLAIMS,  {},                               SET_OWNER),
    "llama-0-decode-all-x": (CLAIMS,  {GROUP_LABEL: "llama-0-decode"},  GROUP_OWNER),
    "llama-0-router-0-x":   (CLAIMS,  {CLIQUE_LABEL: "llama-0-router"}, CLIQUE_OWNER),
    "llama-0-nvl":          (DOMAINS, {},                               SET_OWNER),
}  # fmt: skip


async def test_what_pods_share_is_again_of_who_shares_it_and_keeps_what_others_hold_it_by() -> None:
    """Grove refuses to work with a claim that another of its objects controls."""
    cluster, told = MemoryCluster(), list[str]()
    made = declared()
    made["metadata"]["finalizers"] = [FINALIZER]
    cluster.put(CLIQUE_SETS, made)
    parts: dict[str, tuple[Kind, dict[str, str], tuple[str, str]]] = {
        "llama-0-router": (CLIQUES, {}, SET_OWNER),
        "llama-0-decode": (GROUPS, {}, SET_OWNER),
    }
    for name, (kind, labels, _) in {**parts, **SHARED}.items():
        held = {"finalizers": ["example.com/kept"]} if kind == DOMAINS else {}
        metadata = {"name": name, "namespace": "default", "labels": {**labels, SYSTEM: "llama"}, **held}
        cluster.put(kind, {"metadata": metadata, "spec": {}})
    await give_back(Asked(cluster), leave, "default", ["llama"], told.append)
    for name, (kind, _, whose) in SHARED.items():
        (owner,) = cluster.get(kind, name, "default")["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"]) == whose
    held_by = cluster.get(DOMAINS, "llama-0-nvl", "default")["metadata"]["finalizers"]
    assert held_by == ["example.com/kept", "grove.io/computedomain-finalizer"]
