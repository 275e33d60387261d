"""Puts Espalier into a cluster, and takes it out so that what runs goes on running."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from activities.cluster.kube import (
    ACCOUNTS,
    AUTOSCALERS,
    BUDGETS,
    CRDS,
    DECLARING,
    PODS,
    REVISIONS,
    SERVICES,
    Kind,
    Kube,
    Manifest,
    NotThere,
    Overtaken,
)
from specs.names import FINALIZER, SYSTEM, SYSTEM_UID
from workers.definitions import MANAGER, WEBHOOKS, install, is_groves, tell_of_webhook
from workers.deployment import Installation, kind_of

KEPT: Sequence[Kind] = (PODS, SERVICES, BUDGETS, AUTOSCALERS, ACCOUNTS)
"""What goes on without Espalier; its own kinds go with their definitions."""


async def put_in(kube: Kube, installation: Installation, say: Callable[[str], None]) -> None:
    """Create or update everything; safe to repeat. Kinds first: the rest is of no use before they are served."""
    manifests = installation.manifests()
    definitions = [each for each in manifests if each["kind"] == CRDS.kind]
    namespace, *others = manifests
    await _apply(kube, namespace, say)
    await install(kube, definitions)
    say(f"{len(definitions)} kinds are served")
    for each in others:
        if each["kind"] != CRDS.kind:
            await _apply(kube, each, say)


async def take_out(kube: Kube, say: Callable[[str], None]) -> None:
    """Remove Espalier; pods, services and budgets stay and belong to nobody. Safe to repeat.

    First the processes, so that nobody mends what is taken away; then the ties of what stays; then the rest.
    """
    manifests = Installation().manifests()
    for each in manifests:
        if each["kind"] == "Deployment":
            await _delete(kube, kind_of(each), each, say)
    count = 0
    async for kind, found in _owned(kube):
        # Without the mark of its system the next one of that name may keep it, and take it along when it goes.
        await _patch(kube, kind, found, {"ownerReferences": _others(found), "labels": {SYSTEM_UID: None}})
        count += 1
    say(f"{count} objects of systems stay, without an owner")
    for kind in DECLARING.values():
        await _let_go(kube, kind)
    for found in (await kube.list(REVISIONS, labels=SYSTEM)).items:
        await _delete(kube, REVISIONS, found, _nothing)
    for each in reversed(manifests):
        if each["kind"] != "Deployment" and not await is_groves(kube, each):
            await _delete(kube, kind_of(each), each, say)


async def _let_go(kube: Kube, kind: Kind) -> None:
    """Nobody waits for what Espalier would do when one of these is deleted."""
    for found in await listed(kube, kind):
        kept = [each for each in found["metadata"].get("finalizers") or () if each != FINALIZER]
        await _patch(kube, kind, found, {"finalizers": kept})


async def _owned(kube: Kube) -> AsyncIterator[tuple[Kind, Manifest]]:
    """Objects that go when their system goes, and are to stay."""
    for kind in KEPT:
        for found in (await kube.list(kind, labels=SYSTEM)).items:
            if len(_others(found)) < len(found["metadata"].get("ownerReferences") or ()):
                yield kind, found


def _others(found: Manifest) -> list[Manifest]:
    owners: Sequence[Manifest] = found["metadata"].get("ownerReferences") or ()
    return [each for each in owners if each.get("kind") not in DECLARING]


async def listed(kube: Kube, kind: Kind, namespace: str | None = None, labels: str = "") -> Sequence[Manifest]:
    """All objects of a kind; none where the kind is not served."""
    try:
        return (await kube.list(kind, namespace, labels)).items
    except NotThere:
        return ()


async def _apply(kube: Kube, manifest: Manifest, say: Callable[[str], None]) -> None:
    if manifest["kind"] == WEBHOOKS.kind:
        await tell_of_webhook(kube, manifest, MANAGER)
    else:
        await kube.apply(kind_of(manifest), manifest, manager=MANAGER)
    say(f"{manifest['kind']} {manifest['metadata']['name']} is applied")


async def _patch(kube: Kube, kind: Kind, found: Manifest, metadata: Mapping[str, Any]) -> None:
    try:
        await kube.patch(kind, found["metadata"]["name"], {"metadata": dict(metadata)}, found["metadata"]["namespace"])
    except (NotThere, Overtaken):
        return


async def _delete(kube: Kube, kind: Kind, found: Manifest, say: Callable[[str], None]) -> None:
    metadata = found["metadata"]
    try:
        await kube.delete(kind, metadata["name"], metadata.get("namespace"))
    except NotThere:
        return
    say(f"{kind.kind} {metadata['name']} is deleted")


def _nothing(_: str) -> None:
    """Says nothing."""
