"""What a system is made of: roles, and groups of roles and groups."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from specs.strict import Level, Name, Spec
from specs.templates import check_template

MOST_REPLICAS = 10_000
"""Of any one part: names of pods have room for four digits an index."""

Start = Literal["anyOrder", "inOrder", "explicit"]
Replicas = Annotated[int, Field(strict=True, ge=0, le=MOST_REPLICAS)]


class Spread(Spec):
    """Keep the parts of one thing apart: a role's pods, a group's replicas, a system's copies."""

    over: Level
    """Level of the fabric whose domains the parts are spread over, such as rack or host."""
    strength: Literal["preferred", "required"] = "preferred"
    """required: no two in one domain. preferred: as even as there is room."""


class Place(Spec):
    """Where one instance goes: a copy, one group replica, or all pods of a role in one group replica or copy."""

    within: Level | None = None
    """Hard: all pods of the instance in one domain of this level, those added later too."""
    prefer: Level | None = None
    """Soft: in as few domains of this level as can be."""
    spread: Spread | None = None
    """Keep the parts apart: a role's pods, a group's replicas, a system's copies."""


NOWHERE = Place()
"""No wish at all."""


class Counted(Spec):
    """What a role and a group have in common."""

    replicas: Replicas = 1
    """How many, to begin with. Scaling changes the count that runs, not this."""
    min_available: Replicas | None = None
    after: Annotated[tuple[Name, ...], Field(max_length=32)] = ()
    """Siblings that must have started first; needs start: explicit."""
    place: Place = NOWHERE
    """Where it goes: each group replica, or all pods of the role in one group replica or copy."""

    @model_validator(mode="after")
    def _minimum_within_replicas(self) -> Self:
        if self.min_available is not None and self.min_available > self.replicas:
            raise ValueError(f"minAvailable {self.min_available} is more than replicas {self.replicas}; lower it or raise replicas")
        return self


class Role(Counted):
    """Identical pods."""

    role: Name
    """Its name, unique among its siblings."""
    min_available: Replicas | None = None
    """Pods that start together or not at all; all of `replicas` when left out."""
    template: Mapping[str, Any]
    """A pod template: `metadata` and `spec` as in a Deployment."""

    @field_validator("template")
    @classmethod
    def _template_is_sound(cls, template: Mapping[str, Any]) -> Mapping[str, Any]:
        check_template(template)
        return template

    @property
    def name(self) -> str:
        """What paths call it."""
        return self.role

    @property
    def minimum(self) -> int:
        """Pods that belong to the gang of the instance around it."""
        return self.replicas if self.min_available is None else self.min_available


class Group(Counted):
    """Members that are placed, scaled and replaced together, `replicas` times."""

    group: Name
    """Its name, unique among its siblings."""
    min_available: Replicas | None = None
    """Replicas that belong to the base gang; one when left out. Each further one is a gang of its own."""
    start: Start | None = None
    """How its members start; as the parent says when left out."""
    members: "Annotated[tuple[Member, ...], Field(min_length=1, max_length=32)]"
    """The roles and groups that one replica is made of."""

    @property
    def name(self) -> str:
        """What paths call it."""
        return self.group

    @property
    def minimum(self) -> int:
        """Replicas that belong to the gang of the instance around it."""
        return min(1, self.replicas) if self.min_available is None else self.min_available


def _kind(data: Any) -> str | None:
    """Which of the two a member is: by what it is called, never by trying both, so that errors speak of one."""
    if isinstance(data, Role | Group):
        return "group" if isinstance(data, Group) else "role"
    if not isinstance(data, Mapping) or ("role" in data) == ("group" in data):
        return None
    return "group" if "group" in data else "role"


Member = Annotated[
    Annotated[Role, Tag("role")] | Annotated[Group, Tag("group")],
    Discriminator(
        _kind,
        custom_error_type="role_or_group",
        custom_error_message="a member must have exactly one of `role` (pods) and `group` (of members), with its name",
    ),
]

Group.model_rebuild()


def pods_of(members: tuple[Member, ...]) -> int:
    """Pods of one instance as declared, of any depth."""
    return sum(m.replicas * (pods_of(m.members) if isinstance(m, Group) else 1) for m in members)


def least_of(members: tuple[Member, ...]) -> int:
    """Pods of one instance that start together or not at all."""
    return sum(m.minimum * (least_of(m.members) if isinstance(m, Group) else 1) for m in members)
