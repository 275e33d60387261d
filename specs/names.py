"""Names of everything Espalier makes. They are contracts: the same for the same input, in every version.

No name that a user chooses is too long: where the whole would not fit into a DNS label, the declared names are cut and a hash of
them takes their place; indexes always stay readable. Which pods are shortened depends on declared names only, never on counts.
"""

import hashlib
import json
from collections.abc import Sequence

DOMAIN = "espalier.dev"
SYSTEM_NAMESPACE = "espalier-system"
"""Namespace of Espalier's own objects."""
SYSTEM = f"{DOMAIN}/system"
"""Label of every object of a system; its value is the system's name."""
SYSTEM_UID = f"{DOMAIN}/system-uid"
"""Label of the same objects: which system of that name, so that a late deletion takes nothing of the next one."""
COPY = f"{DOMAIN}/copy"
ROLE = f"{DOMAIN}/role"
"""Label: `prefill.worker`. Annotation: the path itself, `prefill/worker`."""
GROUP = f"{DOMAIN}/group"
"""Label: the innermost group's path, `prefill`, on pods of groups only."""
REPLICA = f"{DOMAIN}/replica"
"""Label: the group replica, `0.prefill.2`, on pods of groups only: all pods of one multi-node server."""
GANG = f"{DOMAIN}/gang"
SLOT = f"{DOMAIN}/slot"
"""Annotation: the pod's slot, `0/prefill/2/worker/3`."""
WARM_UP = f"{DOMAIN}/warm-up"
"""Label of a pod that warms up its node: the revision that it does so for."""
REQUEST = f"{DOMAIN}/request"
"""Label of a PodTemplate: the ProvisioningRequest that counts it."""
EVACUATE = f"{DOMAIN}/evacuate"
"""Taint of a node that is to be left; its value says who asked."""
SHARES_GPUS = f"{DOMAIN}/shares-gpus"
"""Label of a node: `true` where pods may share its GPUs."""
GPU_MILLI = f"{DOMAIN}/gpu-milli"
"""Annotation of a pod that wants a fraction of one GPU: thousandths, from 1 to 999."""
GPU_MODEL = f"{DOMAIN}/gpu-model"
"""Annotation of a pod: the GPU models that will do, with commas between."""
GPU_INDEX = f"{DOMAIN}/gpu-index"
"""Annotation of a pod on a node that shares its GPUs: the devices that it has, `3` or `0,1`."""
REVISION = f"{DOMAIN}/revision"
"""Label: the revision of the whole system that the pod was made at."""
TEMPLATE = f"{DOMAIN}/template"
"""Label: the role's own template; pods whose role did not change are current at any revision."""
INCARNATION = f"{DOMAIN}/incarnation"
RENEWED = f"{DOMAIN}/renewed"
"""Annotation of a pod that was changed in place: when, and the restarts of each changed container before that, as JSON."""
DRAINING = f"{DOMAIN}/draining"
"""Annotation of a pod: since when it knows that it is to go."""
PATH = f"{DOMAIN}/path"
"""Annotation of an object that scales one instance: `0/prefill`, `0/prefill/1/worker`."""
RECORDED = f"{DOMAIN}/recorded"
"""Annotation of a custom resource: the generation of it that Espalier last wrote or accepted."""
SAYS = f"{DOMAIN}/says"
"""Annotation of the same: the generation of intent that its spec said then."""
SHARED_BY = f"{DOMAIN}/shared-by"
"""Annotation of a ResourceClaim: how many pods share it, as declared."""
FINALIZER = f"{DOMAIN}/teardown"
MANAGER = "espalier"
"""Field manager of what we apply."""
GATE = f"{DOMAIN}/placement"
"""The scheduling gate that holds a pod until its place and its turn have come."""

LONGEST_LABEL = 63
_DIGITS = 4
"""Of the highest index a part can have, as no part has more than 10,000 replicas."""
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""No vowels and nothing that looks like one, as Kubernetes does it: no name spells a word."""


def short_hash(*facts: str | int, length: int = 5) -> str:
    """A few letters that stand for the facts; 27 to the power of `length` different ones."""
    number = int.from_bytes(hashlib.blake2b(json.dumps(facts).encode(), digest_size=12).digest(), "big")
    letters: list[str] = []
    for _ in range(length):
        number, letter = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[letter])
    return "".join(letters)


def hostname(system: str, slot: str) -> str:
    """The pod's name within its copy's Service, whatever its incarnation: `llama-0-prefill-2-worker-3`. A DNS label."""
    return _joined(system, slot.split("/"))


def instance_name(system: str, path: str) -> str:
    """One instance of a role or group, as Grove calls it: `llama-0-prefill-2-worker`, `llama-0-prefill`. A DNS label."""
    return _joined(system, path.split("/"))


def pod_name(system: str, uid: str, slot: str, incarnation: int) -> str:
    """The name of one incarnation: creating it twice is a no-op, and no two systems of one name share one.

    At most 69 letters: a DNS subdomain, as pod names are.
    """
    return f"{hostname(system, slot)}-{short_hash(uid, slot, incarnation)}"


def service_name(system: str, copy: int | str) -> str:
    """The headless Service of one copy, which is the subdomain of its pods: `llama-0`."""
    return _joined(system, [str(copy)])


def gang_name(system: str, path: str) -> str:
    """The gang of a copy (`0`), a group replica (`0/prefill/2`), a together-set (`0/together/0/1`) or one pod. A label value."""
    return _joined(system, path.split("/"))


def budget_name(system: str, member: str) -> str:
    """The PodDisruptionBudget of a role or group: `llama.router`. The dot keeps `a` of `b-c` and `a-b` of `c` apart."""
    return f"{system}.{member}"


def member_name(system: str, path: str) -> str:
    """The SystemMember of a role or group: `llama.prefill.worker`. A DNS subdomain of at most 253 letters."""
    return _cut(f"{system}.{path.replace('/', '.')}", (system, path), 253)


def claim_name(owner: str, index: str, template: str) -> str:
    """A device claim that pods share: `llama-0-prefill-all-nic`. A DNS label, as pods call their claims by it."""
    return _cut(f"{owner}-{index}-{template}".replace(".", "-"), (owner, index, template), LONGEST_LABEL)


def domain_name(system: str, copy: str, group: str) -> str:
    """The ComputeDomain of a group of cliques in one copy, and the template of its claims: `llama-0-workers`. A DNS label."""
    return _cut(f"{system}-{copy}-{group}", (system, copy, group), LONGEST_LABEL)


def revision_name(system: str, revision: str) -> str:
    """The ControllerRevision that holds what was accepted."""
    return f"{_cut(system, (system,), LONGEST_LABEL - len(revision) - 1)}-{revision}"


def placement_name(system: str, gangs: Sequence[str]) -> str:
    """The Placement of these gangs: the same for the same gangs, so asking twice asks once."""
    first = gangs[0] if gangs else system
    return f"{_cut(first, (first,), LONGEST_LABEL - 9)}-{short_hash(system, *gangs, length=8)}"


def label_value(path: str) -> str:
    """A path as a label's value, which takes no slashes: `prefill.worker`. Shortened with a hash beyond 63 letters."""
    return _cut(path.replace("/", "."), (path,), LONGEST_LABEL)


def _joined(system: str, steps: list[str]) -> str:
    """`system-0-prefill-2`; the names cut and hashed, the indexes kept, if that could get longer than a DNS label."""
    indexes = [step for step in steps if step.isdecimal()]
    names = [system, *(step for step in steps if not step.isdecimal())]
    letters = sum(map(len, names)) + len(names) - 1
    if letters + len(indexes) * (_DIGITS + 1) <= LONGEST_LABEL:
        return "-".join([system, *steps])
    room = LONGEST_LABEL - 6 - len(indexes) * (_DIGITS + 1)
    return "-".join([_letters("-".join(names), room), short_hash(*names), *indexes])


def _cut(text: str, facts: Sequence[str], room: int) -> str:
    return text if len(text) <= room else f"{_letters(text, room - 6)}-{short_hash(*facts)}"


def _letters(text: str, room: int) -> str:
    return text[:room].rstrip("-.")
