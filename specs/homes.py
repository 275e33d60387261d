"""Which gang a slot belongs to: that of the nearest instance around it that is more than the minimum."""

from dataclasses import dataclass

from specs.members import Group, Member, least_of, named
from specs.names import gang_name
from specs.paths import unknown
from specs.system import SystemSpec


@dataclass(frozen=True, slots=True)
class Home:
    """A gang, by its path."""

    path: str
    """`0` (the base gang of copy 0), `0/prefill/2`, `0/together/0/1`, or a single slot."""
    needs: str = ""
    """Path of the gang that must have its room before; "" for none."""
    rank: int = 0
    """0: a base gang. 1: a group replica or a together-set. 2: a single pod."""

    @property
    def depth(self) -> int:
        """Of groups in groups: what is inside comes after what it is in."""
        return self.path.count("/") if self.rank == 1 else 0


def home(spec: SystemSpec, slot: str) -> Home:
    """The gang of a slot. Raises LookupError when the slot leads to no role. Cost: the slot's depth."""
    steps = slot.split("/")
    members, here, needs = spec.members, steps[0], ""
    found = Home(here)
    solid = least_of(members) > 0
    for end in range(1, len(steps) - 1, 2):
        member = named(members, steps[end])
        if member is None:
            break
        index = int(steps[end + 1])
        if index >= member.minimum:
            needs = found.path if solid else needs
            found = _own(spec, member, steps, end, needs)
            solid = not isinstance(member, Group) or least_of(member.members) > 0
        if end + 2 == len(steps) and not isinstance(member, Group):
            return found
        members = member.members if isinstance(member, Group) else ()
    raise unknown(spec, slot)


def gang_of(system: str, spec: SystemSpec, slot: str) -> str:
    """Name of the gang of a slot."""
    return gang_name(system, home(spec, slot).path)


def set_of(spec: SystemSpec, member: str, index: int) -> tuple[int, int] | None:
    """Rule and set that a replica of a top-level member goes with; None when nothing holds it to others."""
    for number, rule in enumerate(spec.together):
        if member in rule.members:
            return number, index // rule.share(member)
    return None


def _own(spec: SystemSpec, member: Member, steps: list[str], end: int, needs: str) -> Home:
    """The gang of an instance above its minimum, which at the top may be one with others of its set."""
    together = set_of(spec, steps[1], int(steps[2])) if end == 1 else None
    if together is not None:
        return Home(f"{steps[0]}/together/{together[0]}/{together[1]}", needs, 1)
    return Home("/".join(steps[: end + 2]), needs, 1 if isinstance(member, Group) else 2)
