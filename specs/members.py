"""What a system is made of: roles, and groups of roles and groups."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from specs.strict import Level, Name, Spec
from specs.templates import check_template

MOST_REPLICAS = 10_000
"""Of any one part: names of pods have room for four digits an index."""

Start = Literal["anyOrder", "inOrder", "explicit"]
Part = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?(/[a-z]([-a-z0-9]*[a-z0-9])?)*$", max_length=191)]
"""A path of names."""
After = Annotated[tuple[Part, ...], Field(max_length=32)]
Replicas = Annotated[int, Field(strict=True, ge=0, le=MOST_REPLICAS)]


Strength = Literal["preferred", "required"]


class Spread(Spec):
    """Keep the parts of one thing apart: a role's pods, a group's replicas, a system's copies."""

    over: Level
    """Level of the fabric whose domains the parts are spread over, such as rack or host."""
    strength: Strength = "preferred"
    """required: no two in one domain. preferred: as even as there is room."""


class Place(Spec):
    """Where one instance goes: a copy, one group replica, or all pods of a role in one group replica or copy."""

    within: Level | None = None
    """Hard: all pods of the instance in one domain of this level, those added later too."""
    prefer: Level | None = None
    """Soft: in as few domains of this level as can be."""
    balance: Level | None = None
    """Soft, of a role: its pods shared evenly by the domains of this level that they are in, as few as allow it."""
    spread: Spread | None = None
    """Keep the parts apart: a role's pods, a group's replicas, a system's copies."""

    @model_validator(mode="after")
    def _wishes_agree(self) -> Self:
        if self.balance and (self.prefer or self.spread):
            other = "prefer" if self.prefer else "spread"
            raise ValueError(f"balance and {other} are two wishes for the same pods; keep one of them")
        return self


NOWHERE = Place()
"""No wish at all."""


class Role(Spec):
    """Identical pods."""

    role: Name
    """Its name, unique among its siblings."""
    replicas: Replicas = 1
    """How many, to begin with. Scaling changes the count that runs, not this."""
    min_available: Replicas | None = None
    """Pods that start together or not at all; all of `replicas` when left out."""
    after: After = ()
    """What must have started first: siblings, members around, or parts inside them (prefill/leader); needs start: explicit."""
    place: Place = NOWHERE
    """Where its pods go, those of one group replica or copy."""
    template: Mapping[str, Any]
    """A pod template: `metadata` and `spec` as in a Deployment."""

    @model_validator(mode="after")
    def _minimum_is_within_replicas(self) -> Self:
        _check_minimum(self)
        return self

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


class Group(Spec):
    """Members that are placed, scaled and replaced together, `replicas` times."""

    group: Name
    """Its name, unique among its siblings."""
    replicas: Replicas = 1
    """How many, to begin with. Scaling changes the count that runs, not this."""
    min_available: Replicas | None = None
    """Replicas that belong to the base gang; one when left out. Each further one is a gang of its own."""
    after: After = ()
    """What must have started first: siblings, members around, or parts inside them (prefill/leader); needs start: explicit."""
    start: Start | None = None
    """How its members start; as the parent says when left out."""
    place: Place = NOWHERE
    """Where each replica goes; `spread` keeps replicas apart."""
    members: "Annotated[tuple[Member, ...], Field(min_length=1, max_length=16)]"
    """The roles and groups that one replica is made of."""

    @model_validator(mode="after")
    def _minimum_is_within_replicas(self) -> Self:
        _check_minimum(self)
        return self

    @property
    def name(self) -> str:
        """What paths call it."""
        return self.group

    @property
    def minimum(self) -> int:
        """Replicas that belong to the gang of the instance around it."""
        return min(1, self.replicas) if self.min_available is None else self.min_available


def _check_minimum(member: Role | Group) -> None:
    if member.minimum > member.replicas:
        raise ValueError(f"minAvailable {member.minimum} is more than replicas {member.replicas}; lower it or raise replicas")


def _kind(data: Any) -> str | None:
    """Which of the two a member is: by what it is called, never by trying both, so that errors speak of one."""
    if isinstance(data, Role | Group):
        return "group" if isinstance(data, Group) else "role"
    named = [kind for kind in ("role", "group") if isinstance(data, Mapping) and kind in data]
    return named[0] if len(named) == 1 else None


Member = Annotated[
    Annotated[Role, Tag("role")] | Annotated[Group, Tag("group")],
    Discriminator(
        _kind,
        custom_error_type="role_or_group",
        custom_error_message="a member must have exactly one of `role` (pods) and `group` (of members), with its name",
    ),
]

Group.model_rebuild()


def named(members: Sequence[Member], name: str) -> Member | None:
    """The member of that name."""
    return next((member for member in members if member.name == name), None)


def pods_of(members: tuple[Member, ...]) -> int:
    """Pods of one instance as declared, of any depth."""
    return sum(m.replicas * (pods_of(m.members) if isinstance(m, Group) else 1) for m in members)


def least_of(members: tuple[Member, ...]) -> int:
    """Pods of one instance that start together or not at all."""
    return sum(m.minimum * (least_of(m.members) if isinstance(m, Group) else 1) for m in members)
