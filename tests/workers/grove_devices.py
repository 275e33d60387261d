"""What Grove leaves of a set whose pods share devices: claims owned by who shares them, and a ComputeDomain that it protects."""

from collections.abc import Mapping, Sequence

from specs.pods import pinned
from tests.cluster.api import Json
from tests.workers.grove_left import BASE, COPY, DEVICES, GROUP, KINDS, NAME, PARTS, Grove, left_behind
from tests.workers.grove_set import apply
from tests.workers.test_grove_claims import DOMAIN_CRD, FABRIC, claim_template, template

EVERYTHING = ",".join([KINDS, *(plural for _, plural in DEVICES.values())])
ROUTER, GANG = f"{BASE}-router", f"{BASE}-nvl"
WHOLE = f"{NAME}-all-channel"
STALE = f"{ROUTER}-2-channel"
"""Of a router that kept its index when the clique was scaled in: Grove has deleted it, and it stays while that pod has it."""
OWNERS = {
    WHOLE: ("PodCliqueSet", NAME),
    **{f"{GROUP}-{replica}-outside": ("PodCliqueScalingGroup", GROUP) for replica in range(2)},
    **{f"{ROUTER}-{index}-channel": ("PodClique", ROUTER) for index in range(2)},
}
"""Of each claim but the stale one."""
PROTECTED = "grove.io/computedomain-finalizer"
CLAIMS = "/apis/resource.k8s.io/v1/namespaces/default/resourceclaims"


def with_devices() -> Json:
    """The set as its user wrote it: one channel for all of the group, one for each of its replicas, one for each router."""
    manifest = left_behind()
    part = manifest["spec"]["template"]
    whole = {"name": "channel", "scope": "AllReplicas", "filter": {"childScalingGroupNames": ["decode"]}}
    part |= {"resourceClaimTemplates": [template("channel", FABRIC)], "resourceSharing": [whole]}
    part["cliques"][0]["resourceSharing"] = [{"name": "channel", "scope": "PerReplica"}]
    shared = [{"name": "outside", "scope": "PerReplica"}]
    part["podCliqueScalingGroups"][0] |= {"resourceSharing": shared, "annotations": {"grove.io/mnnvl-group": "nvl"}}
    return manifest


class GroveWithDevices(Grove):
    """With claims at every level, and NVLink over several nodes."""

    def manifest(self) -> Json:
        return with_devices()

    def claims_of(self, clique_name: str, index: int) -> Sequence[Json]:
        if clique_name == ROUTER:
            return [_by_name(f"{ROUTER}-{index}-channel")]
        replica = clique_name.removeprefix(f"{GROUP}-").partition("-")[0]
        domain = {"name": "mnnvl-claim", "resourceClaimTemplateName": GANG}
        return [_by_name(WHOLE), _by_name(f"{GROUP}-{replica}-outside"), domain]

    async def beside(self, clique_name: str, count: int) -> None:
        del count
        if clique_name != ROUTER:
            return  # all else is there by then
        await apply(self.kubectl, DOMAIN_CRD)
        for each in ("outside", GANG):
            await apply(self.kubectl, claim_template(each, FABRIC))
        labels = {"app.kubernetes.io/component": "pcs-computedomain", COPY: "0", "grove.io/mnnvl-group": "nvl"}
        spec = {"numNodes": 0, "channel": {"resourceClaimTemplate": {"name": GANG}}}
        await self.made("ComputeDomain", GANG, NAME, labels=labels, spec=spec, finalizers=[PROTECTED])
        await self._claim(WHOLE, NAME, {})
        for replica in range(2):
            group = {"grove.io/podcliquescalinggroup": GROUP, "grove.io/podcliquescalinggroup-replica-index": str(replica)}
            await self._claim(f"{GROUP}-{replica}-outside", GROUP, group)
        for index in range(3):
            clique = {"grove.io/podclique": ROUTER, "grove.io/podclique-pod-index": str(index)}
            await self._claim(f"{ROUTER}-{index}-channel", ROUTER, clique)

    def place(self, node: str) -> Json:
        """Its scheduler gives claims their devices, and reserves them for the pods that name them."""
        return {"affinity": pinned(None, node), "schedulerName": "default-scheduler"}

    async def scaled_in(self) -> None:
        """There were three routers once: the claim of an index that no clique of two has goes, as soon as no pod has it."""
        await self.api.delete(f"{CLAIMS}/{STALE}")

    async def _claim(self, name: str, owner: str, labels: Mapping[str, str]) -> None:
        spec = template(name, FABRIC)["templateSpec"]["spec"]
        said = {**PARTS, "app.kubernetes.io/component": "resource-claim", **labels}
        await self.made("ResourceClaim", name, owner, labels=said, spec=spec)


def _by_name(claim: str) -> Json:
    return {"name": claim, "resourceClaimName": claim}
