"""What every container is told about its place in the system, before the user's own variables, which may refer to it.

| variable               | in          | value                                                                  |
|------------------------|-------------|------------------------------------------------------------------------|
| ESPALIER_SYSTEM        | all         | name of the system                                                     |
| ESPALIER_COPY          | all         | index of the copy                                                      |
| ESPALIER_ROLE          | all         | path of the role: `prefill/worker`                                     |
| ESPALIER_POD_INDEX     | all         | index of the pod among those of its role in its instance               |
| ESPALIER_SLOT          | all         | the whole path: `0/prefill/2/worker/3`                                 |
| ESPALIER_REVISION      | all         | hash of the revision that the pod was made at, as its label of that name |
| ESPALIER_GROUP         | groups      | path of the innermost group: `prefill`                                 |
| ESPALIER_GROUP_INDEX   | groups      | index of its replica                                                   |
| ESPALIER_GROUP_SIZE    | groups      | pods of one replica, as declared                                       |
| ESPALIER_GROUP_RANK    | groups      | position of the pod in its replica, as declared: 0 for the leader      |
| ESPALIER_SERVICE       | with DNS    | domain of the copy's pods: `llama-0.serving.svc`                       |
| ESPALIER_LEADER        | with DNS    | address of the first pod of the group replica, else of the role        |

Sizes and ranks are those of the declaration, because a running container's environment can't follow what is scaled later.
"""

from collections.abc import Callable
from dataclasses import dataclass

from specs.members import Group, Member, Role, pods_of
from specs.names import hostname, service_name
from specs.system import SystemSpec

Env = list[dict[str, str]]


@dataclass(frozen=True)
class Station:
    """What is the same for all pods of a role."""

    system: str
    namespace: str
    role: str
    """Path of the role."""
    group: str
    """Path of the innermost group; "" when it is in none."""
    size: int
    """Pods of one replica of that group."""
    offset: int
    """Pods of that replica that come before this role's."""
    first: str
    """Path of the first pod, from the group replica or the copy: `leader/0`."""
    dns: bool
    minimum: int = 0
    """Replicas of that group that belong to the gang around it."""

    def labels(self, slot: str) -> dict[str, str]:
        """Labels of one pod that are not Espalier's own."""
        del slot
        return {}

    def env(self, slot: str, revision: str) -> Env:
        """The variables of one pod."""
        steps = slot.split("/")
        index = int(steps[-1])
        facts = {"SYSTEM": self.system, "COPY": steps[0], "ROLE": self.role, "POD_INDEX": steps[-1], "SLOT": slot}
        if self.group:
            facts |= {"GROUP": self.group, "GROUP_INDEX": steps[-3]}
            facts |= {"GROUP_SIZE": str(self.size), "GROUP_RANK": str(self.offset + index)}
        if self.dns:
            service = f"{service_name(self.system, steps[0])}.{self.namespace}.svc"
            leader = hostname(self.system, "/".join([*steps[:-2], self.first]))
            facts |= {"SERVICE": service, "LEADER": f"{leader}.{service}"}
        return [*({"name": f"ESPALIER_{name}", "value": value} for name, value in facts.items()), told_revision(revision)]


def told_revision(revision: str) -> dict[str, str]:
    """The variable by which a pod knows its revision, whoever's words its others are in."""
    return {"name": "ESPALIER_REVISION", "value": revision}


def stations(
    system: str, namespace: str, spec: SystemSpec, made: Callable[..., Station] = Station
) -> dict[str, tuple[Role, Station]]:
    """Every role by its path."""
    found: dict[str, tuple[Role, Station]] = {}
    dns = spec.services == "headless"

    def visit(members: tuple[Member, ...], group: str, minimum: int) -> None:
        offset, size = 0, pods_of(members) if group else 0
        for member in members:
            path = f"{group}/{member.name}" if group else member.name
            if isinstance(member, Group):
                visit(member.members, path, member.minimum)
                offset += member.replicas * pods_of(member.members)
                continue
            first = _first(members) if group else f"{member.name}/0"
            found[path] = member, made(system, namespace, path, group, size, offset, first, dns, minimum)
            offset += member.replicas

    visit(spec.members, "", 0)
    return found


def _first(members: tuple[Member, ...]) -> str:
    """Path of the first pod below an instance, as declared."""
    filled = (member for member in members if member.replicas and (isinstance(member, Role) or pods_of(member.members)))
    member = next(filled, members[0])
    return f"{member.name}/0" if isinstance(member, Role) else f"{member.name}/0/{_first(member.members)}"
