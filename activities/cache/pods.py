"""What a pod and a node say, read once from their JSON."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from activities.cache.failures import Failure, failure_of
from activities.cache.renewed import is_renewing, renewal_of
from activities.cluster.kube import Manifest
from specs import names
from specs.sections import annotation, condition, entries, is_true, label, section

UNSCHEDULABLE = "Unschedulable"
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
"""Kubernetes' own annotation."""
PASSING = ("is in the process of being allocated", "ResourceClaim not created yet")
"""What kube-scheduler says of a pod that it comes back to by itself in a moment: another pod is just getting their claim."""
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
"""Taint that an administrator, or a fencing controller, gives to a node that is shut down for good."""
DONE = ("Failed", "Succeeded")
FIRST_TOLD = timedelta(seconds=2)
"""Within which of its binding a kubelet first says that a pod is not Ready; one whose Ready changed later had been so."""


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod of one system."""

    namespace: str
    name: str
    uid: str
    system: str
    slot: str
    role: str
    incarnation: int
    node: str
    """Where it is bound; "" when it is not."""
    pin: str
    """The only node it may go to; "" when it is free, or waits."""
    nominated: str
    gated: bool
    done: bool
    ready: bool
    leaving: bool
    refusal: str
    """The scheduler's sentence when it cannot go where it should; "" otherwise."""
    revision: str = ""
    """Of the system, that it was made at."""
    failure: Failure | None = None
    """What keeps it from running."""
    created: datetime | None = None
    bound: datetime | None = None
    """When it got its node."""
    turned: datetime | None = None
    """When it became Ready, or ceased to be."""
    cost: int = 0
    """Of losing it, beside others like it."""
    draining: datetime | None = None
    """Since when it knows that it is to go."""
    conditions: frozenset[str] = frozenset()
    """Of one that knows: those that are True."""
    renewing: bool = False
    """It was changed in place, and its containers have still to restart for it."""

    @property
    def ready_since(self) -> datetime | None:
        """Without a break; None when it is not Ready, or nothing says since when."""
        return self.turned if self.ready else None

    @property
    def never_ready(self) -> bool:
        """It is bound, and has not been Ready yet, or for no time worth the name."""
        return not self.ready and self.bound is not None and (self.turned is None or self.turned - self.bound <= FIRST_TOLD)

    @property
    def lasted(self) -> timedelta:
        """Of one that is done: from when it began until it was Ready last."""
        return self.turned - self.began if self.done and self.turned and self.began else timedelta(0)

    @property
    def began(self) -> datetime | None:
        """When it got its node, which it may have been held for; when it was made, as long as it has none."""
        return self.bound if self.node and self.bound else self.created

    @property
    def place(self) -> str:
        """Where it is, or will be: nothing can change that any more."""
        return self.node or self.pin

    @property
    def settled(self) -> bool:
        """Nothing is about to happen to it by itself."""
        return not self.leaving and (self.ready or self.gated or self.done or bool(self.refusal))


@dataclass(frozen=True, slots=True)
class Node:
    """One node."""

    name: str
    open: bool
    """May take new pods: not cordoned."""
    ready: bool
    fenced: bool = False
    """Out of service: somebody vouches that nothing runs there any more."""
    evacuated: bool = False
    """All that runs there is to leave."""


def read_pod(manifest: Manifest) -> Pod | None:
    """The facts of a pod of ours; None for any other pod. Cost: about 10 us."""
    metadata, spec, status = manifest["metadata"], manifest["spec"], section(manifest, "status")
    slot, system = annotation(manifest, names.SLOT), label(manifest, names.SYSTEM)
    if not slot or not system:
        return None
    ready, renewing = condition(manifest, "Ready"), is_renewing(manifest)
    told = annotation(manifest, names.DRAINING)
    turned, renewal = _time(ready, "lastTransitionTime"), renewal_of(manifest)
    return Pod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        system=system,
        slot=slot,
        role=annotation(manifest, names.ROLE),
        incarnation=int(annotation(manifest, names.INCARNATION) or 0),
        node=spec.get("nodeName") or "",
        pin=pin_of(spec),
        nominated=status.get("nominatedNodeName") or "",
        gated=is_gated(spec),
        done=status.get("phase") in DONE,
        ready=ready.get("status") == "True" and not renewing,
        leaving="deletionTimestamp" in metadata,
        refusal=_refusal(condition(manifest, "PodScheduled")),
        revision=label(manifest, names.REVISION),
        failure=failure_of(manifest),
        created=_time(metadata, "creationTimestamp"),
        bound=_time(condition(manifest, "PodScheduled"), "lastTransitionTime"),
        cost=_cost(annotation(manifest, DELETION_COST)),
        draining=_told_at(told),
        conditions=_conditions(status) if told else frozenset(),
        turned=max(turned, renewal.at) if turned and renewal else turned,
        renewing=renewing,
    )


def read_node(manifest: Manifest) -> Node:
    """The facts of a node."""
    metadata = manifest["metadata"]
    cordoned = section(manifest, "spec").get("unschedulable") or "deletionTimestamp" in metadata
    ready = is_true(manifest, "Ready")
    fenced = not ready and any(taint["key"] == OUT_OF_SERVICE for taint in entries(manifest, "spec", "taints"))
    evacuated = any(taint["key"] == names.EVACUATE for taint in entries(manifest, "spec", "taints"))
    return Node(metadata["name"], not (cordoned or evacuated), ready, fenced, evacuated)


def is_gated(spec: Manifest) -> bool:
    """Whether a pod's spec has Espalier's scheduling gate."""
    return any(gate["name"] == names.GATE for gate in entries(spec, "schedulingGates"))


def pin_of(spec: Manifest) -> str:
    """The only node that a pod's own affinity allows; "" where it does not name one."""
    required = section(spec, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    fields = [field for term in entries(required, "nodeSelectorTerms") for field in entries(term, "matchFields")]
    return str(fields[-1]["values"][0]) if fields else ""


def _told_at(text: str) -> datetime | None:
    """None for what is no moment: then it is told anew."""
    with suppress(ValueError):
        moment = parsed_time(text)
        return moment if moment.tzinfo else None
    return None


def _conditions(status: Manifest) -> frozenset[str]:
    return frozenset(each["type"] for each in status.get("conditions") or () if each["status"] == "True")


def _cost(text: str) -> int:
    """0 where it is no number."""
    return int(text) if text.removeprefix("-").isdecimal() else 0


def _refusal(scheduled: Manifest) -> str:
    message = str(scheduled.get("message") or UNSCHEDULABLE)
    return message if scheduled.get("reason") == UNSCHEDULABLE and not any(each in message for each in PASSING) else ""


def _time(part: Manifest, field: str) -> datetime | None:
    return parsed_time(part[field]) if part.get(field) else None


def parsed_time(text: str) -> datetime:
    """RFC 3339, as Kubernetes writes it."""
    return datetime.fromisoformat(text)


def written_time(moment: datetime) -> str:
    """The same, of a moment in UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
