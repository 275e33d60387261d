"""Takes over PodCliqueSets that Grove runs: every pod that runs keeps running, under its name.

Grove must be scaled to zero meanwhile: its finalizer on a set says whose it is. Everything may be repeated; the finalizer goes
last, and with it the set is Espalier's.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from activities.cluster.kube import (
    ACCOUNTS,
    AUTOSCALERS,
    BINDINGS,
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
    AlreadyThere,
    Kind,
    Kube,
    Manifest,
    NotThere,
)
from specs.adoption import GROVES_FINALIZER, Adoption, adoption
from specs.declaring import NotASystem, declared_system
from specs.gangs import expand
from specs.grove import CliqueSystem
from specs.grove_objects import CliqueObjects
from specs.manifests import PodMaker, placement_objects, revision
from specs.names import DOMAIN, PATH, RECORDED, SHARED_BY, SYSTEM, SYSTEM_UID
from specs.owners import CLIQUE_SET_KIND, GROVE, Owner
from specs.sections import section
from workers.definitions import WEBHOOKS
from workers.failure import Failure
from workers.installing import listed

Say = Callable[[str], None]
DEPLOYMENTS = Kind("apps/v1", "Deployment", "deployments")
OPERATOR = "app.kubernetes.io/name=grove-operator"
MUTATING = Kind(WEBHOOKS.api_version, "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", namespaced=False)
CHILDREN: Sequence[Kind] = (CLIQUES, GROUPS, GANGS, SERVICES, AUTOSCALERS, CLAIMS, DOMAINS)


async def adopt(kube: Kube, namespace: str | None, names: Sequence[str], say: Say) -> int:
    """Take over these sets, or all that Grove has; returns how many. Raises `Failure` while Grove's operator runs."""
    await check_grove_sleeps(kube)
    found = [each for each in await listed(kube, CLIQUE_SETS, namespace) if GROVES_FINALIZER in _finalizers(each)]
    chosen = [each for each in found if not names or each["metadata"]["name"] in names]
    check_all_there(names, chosen, namespace, "Grove has no PodCliqueSet")
    for each in chosen:
        await _Adopting(kube, each).run(say)
    if not any(GROVES_FINALIZER in _finalizers(each) for each in await listed(kube, CLIQUE_SETS)):
        await _free_bindings(kube)
    return len(chosen)


async def _free_bindings(kube: Kube) -> None:
    """Nobody of Grove's is left to let a ClusterTopologyBinding go."""
    for each in await listed(kube, BINDINGS):
        kept = _without_groves(each)
        if len(kept) < len(_finalizers(each)):
            await kube.patch(BINDINGS, each["metadata"]["name"], {"metadata": {"finalizers": kept}})


async def check_grove_sleeps(kube: Kube) -> None:
    """Raises `Failure` where Grove's operator runs, or is still asked about every write."""
    for each in await listed(kube, DEPLOYMENTS, None, OPERATOR):
        if section(each, "spec").get("replicas", 1):
            metadata = each["metadata"]
            remedy = f"First: kubectl scale deployment {metadata['name']} -n {metadata['namespace']} --replicas=0"
            raise Failure("Grove's operator runs, and two can't look after one set", remedy)
    found = [(kind.plural, each) for kind in (WEBHOOKS, MUTATING) for each in await listed(kube, kind)]
    asked = [f"{plural}/{each['metadata']['name']}" for plural, each in found if _asks(each)]
    if asked:
        what = "Grove's webhooks are there with nobody to answer them, so that the API server refuses every change of its objects"
        raise Failure(what, f"First: kubectl delete {' '.join(asked)}    (Grove's chart brings them back)")


def check_all_there(names: Sequence[str], found: Sequence[Manifest], namespace: str | None, wrong: str) -> None:
    """Raises `Failure`, beginning with what is wrong, for the first of these sets that was not found."""
    missing = set(names) - {each["metadata"]["name"] for each in found}
    if missing:
        where = f"namespace {namespace}" if namespace else "this cluster"
        raise Failure(f"{wrong} {min(missing)!r} in {where}", "See: kubectl get podcliquesets -A")


class _Adopting:
    """One set."""

    def __init__(self, kube: Kube, found: Manifest) -> None:
        metadata = found["metadata"]
        self._kube, self._found = kube, found
        self._namespace, self._name = metadata["namespace"], metadata["name"]
        self._owner = Owner(self._name, self._namespace, metadata["uid"], CLIQUE_SET_KIND)
        self._labels = f"app.kubernetes.io/part-of={self._name},app.kubernetes.io/managed-by=grove-operator"

    async def run(self, say: Say) -> None:
        """Pods, then what keeps counts, then where they are; then it is ours."""
        system = self._system()
        scaled = [*await self._mine(CLIQUES), *await self._mine(GROUPS)]
        pods = await self._mine(PODS)
        replicas = {each["metadata"]["name"]: int(each["spec"]["replicas"]) for each in scaled}
        taken = adoption(system, replicas, pods)
        await self._seat(system, taken, pods)
        made = CliqueObjects(self._owner, system, taken.counts)
        sharers = {claim.name: claim.pods for claim in made.claims()}
        for kind in (*CHILDREN, *((ACCOUNTS,) if made.accounts() else ())):
            for each in await self._mine(kind):
                await self._own(kind, each, _marks(kind, each, taken, sharers))
        await self._place(system, taken, pods)
        for pod in taken.without:
            await self._kube.delete(PODS, pod, self._namespace)
        await self._patch(CLIQUE_SETS, self._name, {"finalizers": _without_groves(self._found)})
        say(f"{self._namespace}/{self._name}: {len(taken.seats)} pods go on, {len(taken.without)} without a node are made anew")

    def _system(self) -> CliqueSystem:
        metadata: Manifest = {key: section(self._found["metadata"], key) for key in ("labels", "annotations")}
        named: Manifest = {"name": self._name, "namespace": self._namespace, **metadata}
        try:
            system = declared_system({**{key: self._found[key] for key in ("apiVersion", "kind", "spec")}, "metadata": named})
        except NotASystem as error:
            remedy = "Nothing was changed; correct it while Grove runs, or leave it to Grove."
            raise Failure(f"{self._namespace}/{self._name} can't be taken over: {error}", remedy) from None
        assert isinstance(system, CliqueSystem)
        return system

    async def _seat(self, system: CliqueSystem, taken: Adoption, pods: Sequence[Manifest]) -> None:
        maker = PodMaker(self._owner, system.spec)
        for pod in pods:
            slot = taken.seats.get(pod["metadata"]["name"])
            if slot is None:
                continue
            made = maker.pod(slot, 0)["metadata"]
            said = {
                field: {key: value for key, value in made[field].items() if DOMAIN in key} for field in ("labels", "annotations")
            }
            await self._patch(PODS, pod["metadata"]["name"], {**said, "ownerReferences": [self._owner.reference()]})

    async def _own(self, kind: Kind, found: Manifest, marks: Mapping[str, str]) -> None:
        change = {
            "labels": {SYSTEM: self._name, SYSTEM_UID: self._owner.uid},
            "annotations": marks,
            "ownerReferences": [self._owner.reference()],
            "finalizers": _without_groves(found),
        }
        await self._patch(kind, found["metadata"]["name"], change)

    async def _place(self, system: CliqueSystem, taken: Adoption, pods: Sequence[Manifest]) -> None:
        """Written down where they are. What has no node is asked for like anything else."""
        await self._create(REVISIONS, revision(self._owner, system, 1))
        node = {taken.seats.get(pod["metadata"]["name"], ""): pod["spec"].get("nodeName") for pod in pods}
        priority = max((int(pod["spec"].get("priority") or 0) for pod in pods), default=0)
        for each in placement_objects(self._owner, system.spec, expand(self._name, system.spec, taken.counts), priority):
            await self._create(PLACEMENTS, each)
            slots = (slot for gang in each["spec"]["gangs"] for slot in gang["slots"])
            nodes = {slot: node[slot] for slot in slots if slot in node}
            status = {"status": {"nodes": nodes}}
            await self._kube.patch(PLACEMENTS, each["metadata"]["name"], status, self._namespace, "status")

    async def _create(self, kind: Kind, manifest: Manifest) -> None:
        try:
            await self._kube.create(kind, manifest)
        except AlreadyThere:
            return

    async def _patch(self, kind: Kind, name: str, metadata: Mapping[str, Any]) -> None:
        try:
            await self._kube.patch(kind, name, {"metadata": dict(metadata)}, self._namespace)
        except NotThere:
            return  # it went meanwhile

    async def _mine(self, kind: Kind) -> Sequence[Manifest]:
        return await listed(self._kube, kind, self._namespace, self._labels)


def _marks(kind: Kind, found: Manifest, taken: Adoption, sharers: Mapping[str, int]) -> Mapping[str, str]:
    """Annotations of what is Espalier's now: whose count it keeps, or how many pods share it."""
    name, generation = found["metadata"]["name"], found["metadata"].get("generation")
    if kind == CLAIMS and name in sharers:
        return {SHARED_BY: str(sharers[name])}
    path = taken.paths.get(name) if kind in (CLIQUES, GROUPS) else None
    return {PATH: path, RECORDED: str(generation)} if path else {}


def _asks(configuration: Manifest) -> bool:
    webhooks = configuration.get("webhooks") or ()
    return any(each["name"].endswith(f".{GROVE}") and each.get("failurePolicy") != "Ignore" for each in webhooks)


def _finalizers(found: Manifest) -> Sequence[str]:
    return found["metadata"].get("finalizers") or ()


def _without_groves(found: Manifest) -> list[str]:
    return [each for each in _finalizers(found) if not each.startswith(f"{GROVE}/")]
