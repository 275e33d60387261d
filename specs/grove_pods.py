"""Pods of a PodCliqueSet in Grove's words: its labels and variables, in place of those that InferenceSystems' pods have.

Source: the API of `grove.io/v1alpha1`. Names are made in one place, so the PodClique of a pod and the pod's label agree.
"""

from dataclasses import dataclass

from specs.environment import Env, Station, told_revision
from specs.names import instance_name, service_name
from specs.owners import GROVE

CLIQUE, CLIQUE_INDEX = f"{GROVE}/podclique", f"{GROVE}/podclique-pod-index"
GANG, BASE_GANG = f"{GROVE}/podgang", f"{GROVE}/base-podgang"
COPY = f"{GROVE}/podcliqueset-replica-index"
GROUP, GROUP_INDEX = f"{GROVE}/podcliquescalinggroup", f"{GROVE}/podcliquescalinggroup-replica-index"
NAME, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"
TEMPLATE = f"{GROVE}/pod-template-hash"


@dataclass(frozen=True)
class CliqueStation(Station):
    """A role that is a clique."""

    def labels(self, slot: str) -> dict[str, str]:
        """Labels that clients of Grove select pods by."""
        instance, _, index = slot.rpartition("/")
        own = {CLIQUE: instance_name(self.system, instance), CLIQUE_INDEX: index}
        return {**instance_labels(self.system, instance, self.minimum), **clique_labels(self.system, instance), **own}

    def env(self, slot: str, revision: str) -> Env:
        """Grove's variables of one pod, and its revision, which Grove tells nobody."""
        instance, _, index = slot.rpartition("/")
        steps = instance.split("/")
        facts = {
            "PCS_NAME": self.system,
            "PCS_INDEX": steps[0],
            "PCLQ_NAME": instance_name(self.system, instance),
            "HEADLESS_SERVICE": f"{service_name(self.system, steps[0])}.{self.namespace}.svc.cluster.local",
            "PCLQ_POD_INDEX": index,
        }
        if self.group:
            facts |= {
                "PCSG_NAME": instance_name(self.system, "/".join(steps[:2])),
                "PCSG_INDEX": steps[2],
                "PCSG_TEMPLATE_NUM_PODS": str(self.size),
                "PCSG_POD_INDEX": str(self.offset + int(index)),
            }
        return [*({"name": f"GROVE_{name}", "value": value} for name, value in facts.items()), told_revision(revision)]


def clique_labels(system: str, instance: str) -> dict[str, str]:
    """Labels that a PodClique hands on to its pods, whatever its template says."""
    component = "pcsg-podclique" if instance.count("/") > 1 else "pcs-podclique"
    return {NAME: instance_name(system, instance), COMPONENT: component}


def instance_labels(system: str, instance: str, minimum: int) -> dict[str, str]:
    """Labels of a clique instance (`0/prefill/2/worker`, `0/router`) and its pods; `minimum`: group replicas of the base gang."""
    steps = instance.split("/")
    base = instance_name(system, steps[0])
    if len(steps) == 2:
        return {COPY: steps[0], GANG: base}
    made = {COPY: steps[0], GROUP: instance_name(system, "/".join(steps[:2])), GROUP_INDEX: steps[2]}
    gang = pod_gang(system, instance, minimum)
    return {**made, GANG: gang, **({BASE_GANG: base} if gang != base else {})}


def pod_gang(system: str, instance: str, minimum: int) -> str:
    """Name of the PodGang of a clique instance: the copy's, or a group replica's own where it is above the minimum."""
    steps = instance.split("/")
    if len(steps) == 2 or int(steps[2]) < minimum:
        return instance_name(system, steps[0])
    return instance_name(system, f"{steps[0]}/{steps[1]}/{int(steps[2]) - minimum}")
