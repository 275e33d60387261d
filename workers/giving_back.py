"""Gives PodCliqueSets back to Grove: every pod that runs keeps running, owned by its PodClique as Grove's are.

Grove must be scaled to zero meanwhile. Everything may be repeated: what is still marked as Espalier's is what is left to do.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from activities.cluster.kube import (
    ACCOUNTS,
    AUTOSCALERS,
    BUDGETS,
    CLAIMS,
    CLIQUE_SETS,
    CLIQUES,
    DOMAINS,
    GANGS,
    GROUPS,
    PLACEMENTS,
    PODS,
    REVISIONS,
    SERVICES,
    Kind,
    Kube,
    Manifest,
    NotThere,
)
from specs.adoption import GROVES_FINALIZER
from specs.grove_pods import CLIQUE, GROUP
from specs.names import DOMAIN, FINALIZER, SYSTEM
from specs.owners import GROVE, GROVE_API_VERSION
from specs.sections import entries, label, section
from workers.adopting import check_all_there, check_grove_sleeps
from workers.installing import listed

Say = Callable[[str], None]
Leave = Callable[[str, str], Awaitable[None]]
"""Ends the workflow of a system (namespace, name) without any work on it."""
KEPT: Sequence[Kind] = (GROUPS, CLIQUES, GANGS, SERVICES, AUTOSCALERS, ACCOUNTS, CLAIMS, DOMAINS, PODS)
"""Owners before what they own."""
FINALIZERS = {
    GROUPS: f"{GROVE}/podcliquescalinggroup.{GROVE}",
    CLIQUES: f"{GROVE}/podclique.{GROVE}",
    DOMAINS: f"{GROVE}/computedomain-finalizer",
}
OURS: Sequence[Kind] = (BUDGETS, PLACEMENTS, REVISIONS)
ROLLING = "rollingUpdate"
HASHES = ("currentGenerationHash", "currentPodCliqueSetGenerationHash", "currentPodTemplateHash", "updateProgress")
"""Of another making than Grove's, which would take them for an older template."""


async def give_back(kube: Kube, leave: Leave, namespace: str | None, names: Sequence[str], say: Say) -> int:
    """Give back these sets, or all; returns how many. Raises `Failure` while Grove's operator runs."""
    await check_grove_sleeps(kube)
    found = await listed(kube, CLIQUE_SETS, namespace)
    chosen = [each for each in found if each["metadata"]["name"] in names or (not names and _is_ours(each))]
    check_all_there(names, chosen, namespace, "there is no PodCliqueSet")
    for each in chosen:
        await _Giving(kube, each).run(leave, say)
    return len(chosen)


def _is_ours(found: Manifest) -> bool:
    return FINALIZER in (found["metadata"].get("finalizers") or ())


class _Giving:
    """One set."""

    def __init__(self, kube: Kube, found: Manifest) -> None:
        self._kube, self._found = kube, found
        self._namespace, self._name = found["metadata"]["namespace"], found["metadata"]["name"]
        self._uids: dict[tuple[str, str], str] = {("PodCliqueSet", self._name): found["metadata"]["uid"]}

    async def run(self, leave: Leave, say: Say) -> None:
        """First it is nobody's; then everything is made Grove's; then what only Espalier has goes."""
        dropped = await self._hand_over(leave)
        pods = 0
        for kind in KEPT:
            for each in await self._mine(kind):
                self._uids[kind.kind, each["metadata"]["name"]] = each["metadata"]["uid"]
                pods += await self._give(kind, each)
        for kind in OURS:
            await self._kube.delete_all(kind, self._namespace, f"{SYSTEM}={self._name}")
        updates = "its updateStrategy is OnDelete, so that Grove restarts none"
        if dropped:
            updates += f", and goes without rollingUpdate, which {', '.join(dropped)} had"
        say(f"{self._namespace}/{self._name}: {pods} pods go on; {updates}")

    async def _hand_over(self, leave: Leave) -> Sequence[str]:
        """From here on the agent leaves it alone, and Grove replaces no pod of a template that it takes for an older one.

        Whose it is goes first: what is no longer Espalier's is not refused by its webhook. Returns who had a rollingUpdate.
        """
        kept = [each for each in self._found["metadata"].get("finalizers") or () if each not in (FINALIZER, GROVES_FINALIZER)]
        metadata = {"finalizers": [*kept, GROVES_FINALIZER], **_unmarked(self._found)}
        await self._kube.patch(CLIQUE_SETS, self._name, {"metadata": metadata}, self._namespace)
        template, dropped = _without_rolling(self._found["spec"]["template"])
        change = {"spec": {"updateStrategy": {"type": "OnDelete"}, "template": template}}
        await self._kube.patch(CLIQUE_SETS, self._name, change, self._namespace)
        await leave(self._namespace, self._name)
        await self._forget_hashes(CLIQUE_SETS, self._name)
        return dropped

    async def _give(self, kind: Kind, found: Manifest) -> bool:
        """Whether it is a pod that goes on. One without a node waits behind a gate that Grove would not lift."""
        name = found["metadata"]["name"]
        if kind == PODS and not found["spec"].get("nodeName"):
            await self._kube.delete(PODS, name, self._namespace)
            return False
        metadata: dict[str, Any] = {**_unmarked(found), "ownerReferences": [self._owner(kind, found)]}
        if kind in FINALIZERS:
            kept = found["metadata"].get("finalizers") or ()
            metadata["finalizers"] = list(dict.fromkeys((*kept, FINALIZERS[kind])))
        try:
            await self._kube.patch(kind, name, {"metadata": metadata}, self._namespace)
        except NotThere:
            return False  # it went meanwhile
        if kind in (CLIQUES, GROUPS):
            await self._forget_hashes(kind, name)
        return kind == PODS

    def _owner(self, kind: Kind, found: Manifest) -> Manifest:
        """Grove refuses to work with what another of its objects controls."""
        owner = "PodCliqueSet", self._name
        if kind in (PODS, CLAIMS) and label(found, CLIQUE):
            owner = "PodClique", label(found, CLIQUE)
        elif kind in (CLIQUES, CLAIMS) and label(found, GROUP):
            owner = "PodCliqueScalingGroup", label(found, GROUP)
        reference = {"apiVersion": GROVE_API_VERSION, "kind": owner[0], "name": owner[1], "uid": self._uids[owner]}
        return {**reference, "controller": True, "blockOwnerDeletion": True}

    async def _forget_hashes(self, kind: Kind, name: str) -> None:
        await self._kube.patch(kind, name, {"status": dict.fromkeys(HASHES)}, self._namespace, subresource="status")

    async def _mine(self, kind: Kind) -> Sequence[Manifest]:
        return await listed(self._kube, kind, self._namespace, f"{SYSTEM}={self._name}")


def _without_rolling(template: Manifest) -> tuple[dict[str, Any], Sequence[str]]:
    """The merge patch of a template that drops rollingUpdate, which does not go with OnDelete; and the parts that had one."""
    parts = {field: entries(template, field) for field in ("cliques", "podCliqueScalingGroups")}
    had = {field: [each["name"] for each in found if each.get(ROLLING)] for field, found in parts.items()}
    changed = {field: [{key: value for key, value in each.items() if key != ROLLING} for each in parts[field]] for field in had}
    return {field: changed[field] for field, names in had.items() if names}, [name for names in had.values() for name in names]


def _unmarked(found: Manifest) -> dict[str, Any]:
    """The merge patch of metadata that takes Espalier's labels and annotations away."""
    metadata = found["metadata"]
    return {field: {key: None for key in section(metadata, field) if DOMAIN in key} for field in ("labels", "annotations")}
