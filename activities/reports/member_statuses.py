"""From what was observed to the status of a SystemMember object: what autoscalers read. Pure."""

from collections.abc import Iterable
from datetime import datetime

from activities.cluster.kube import Manifest
from activities.messages import Observation, Order, PodClass
from activities.reports.answered_edits import AnsweredEdit
from activities.reports.edits import observed_generation
from activities.reports.statuses import THERE, WANTED, accepted, condition_of
from specs.manifests import member_selector
from specs.scales import SystemMemberStatus
from specs.system import SystemSpec

READY: tuple[PodClass, ...] = ("ready",)


def member_status(
    member: Manifest, order: Order, spec: SystemSpec, seen: Observation, edit: AnsweredEdit | None, now: datetime
) -> Manifest:
    """How many there are, in each instance of what is around it: by the share of its wanted pods that are there, and Ready."""
    path, generation = member["spec"]["path"], observed_generation(member, answered=edit is not None)
    wanted, there, ready = (_pods(seen, path, classes) for classes in (WANTED, THERE, READY))
    count = order.counts.get(path, 0)
    status = SystemMemberStatus(
        replicas=count * there // wanted if wanted else 0,
        ready_replicas=count * ready // wanted if wanted else 0,
        selector=member_selector(order.ref.name, spec, path),
        observed_generation=generation,
        conditions=(condition_of(accepted(edit), member, generation, now),),
    )
    made: Manifest = status.model_dump(mode="json", by_alias=True)
    return made


def _pods(seen: Observation, path: str, classes: Iterable[PodClass]) -> int:
    """Pods of a role, or of all roles of a group, in these classes."""
    kept = tuple(classes)
    return sum(
        found.get(name, 0) for role, found in seen.roles.items() if role == path or role.startswith(f"{path}/") for name in kept
    )
