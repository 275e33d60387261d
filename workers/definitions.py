"""The custom resource definitions in a cluster: are they there, and if not, put them there."""

import asyncio
from collections.abc import Sequence

from activities.cluster.kube import CRDS, Kind, Kube, Manifest, NotThere, Refused
from specs import names
from specs.sections import is_true, label
from workers.failure import Failure

MANAGER = "espalier-install"
WEBHOOKS = Kind(
    "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", namespaced=False
)
INVALID = 422
SERVED_TIMEOUT_S = 30.0
POLL_S = 0.1


async def install(kube: Kube, wanted: Sequence[Manifest]) -> None:
    """Create or update them, and wait until the cluster serves them. Safe to repeat.

    Grove's own definitions stay as they are where Grove has been installed.
    """
    for manifest in wanted:
        if not await is_groves(kube, manifest):
            await kube.apply(CRDS, manifest, manager=MANAGER)
    async with asyncio.timeout(SERVED_TIMEOUT_S):
        while not await _all_served(kube, wanted):  # noqa: ASYNC110 - the server is asked, nobody in this process knows
            await asyncio.sleep(POLL_S)


async def check(kube: Kube, wanted: Sequence[Manifest]) -> None:
    """Raises `Failure` with the way out when one of them is missing."""
    for manifest in wanted:
        name = manifest["metadata"]["name"]
        try:
            await kube.get(CRDS, name)
        except NotThere:
            remedy = "Start again with --install-crds, or: espalier crds | kubectl apply --server-side -f -"
            raise Failure(f"this cluster does not know {name}", remedy) from None


async def tell_of_webhook(kube: Kube, wanted: Manifest, manager: str) -> None:
    """Apply the webhook's configuration, over one that has the API server ask elsewhere too.

    Where it is asked (`url` or `service`) may belong to another manager of ours: an agent that ran outside, or an installation.
    Both in one are refused, so the whole list is replaced first.
    """
    try:
        await kube.apply(WEBHOOKS, wanted, manager=manager)
    except Refused as error:
        if error.status != INVALID:
            raise
        await kube.patch(WEBHOOKS, wanted["metadata"]["name"], {"webhooks": wanted["webhooks"]})
        await kube.apply(WEBHOOKS, wanted, manager=manager)


async def is_groves(kube: Kube, manifest: Manifest) -> bool:
    """Whether this is a definition that Grove itself has put there."""
    if manifest["kind"] != CRDS.kind or manifest["spec"]["group"] == names.DOMAIN:
        return False
    try:
        found = await kube.get(CRDS, manifest["metadata"]["name"])
    except NotThere:
        return False
    return label(found, "app.kubernetes.io/managed-by") != "espalier"


async def _all_served(kube: Kube, wanted: Sequence[Manifest]) -> bool:
    return all([served(await kube.get(CRDS, manifest["metadata"]["name"])) for manifest in wanted])


def served(definition: Manifest) -> bool:
    """Whether the API server answers for this kind."""
    return is_true(definition, "Established")
