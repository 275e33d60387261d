"""Who comes before whom: the parts that a part waits for, and that no part waits for itself.

`after` names a sibling; or what is around: a member of an enclosing group's siblings, up to the copy; or, by a path, a part of
one of those groups (`prefill/leader`). The nearest one of that name counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from specs.members import Group, Member, Start, named
from specs.strict import did_you_mean

Node = tuple[str, str]
"""`begins` or `done`, and the path of a part."""


@dataclass(frozen=True, slots=True)
class Siblings:
    """One list of members and where it stands."""

    members: Sequence[Member]
    start: Start
    above: str
    """Path of the group around them; "" for a copy."""
    instance: str = ""
    """The group replica or copy around them: `0/prefill/2`."""

    def path(self, member: Member) -> str:
        """The path of one of them."""
        return f"{self.above}/{member.name}" if self.above else member.name

    def inside(self, group: Group, index: int | None = None) -> "Siblings":
        """The members of one of them, or of one replica of it."""
        instance = f"{self.instance}/{group.name}/{index}" if index is not None else ""
        return Siblings(group.members, group.start or self.start, self.path(group), instance)


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a part waits for: a member, among its siblings, and the steps that lead to a part inside it."""

    siblings: Siblings
    member: Member
    inner: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Of the part that is waited for."""
        return "/".join((self.siblings.path(self.member), *self.inner))


Around = tuple[Siblings, ...]
"""The lists around a member: the copy's first, its own siblings last."""


def predecessors(around: Around, member: Member) -> tuple[Earlier, ...]:
    """What must have started before: what `after` names, or the nearest sibling above that has a minimum.

    Raises LookupError for a name that leads nowhere; a declaration that was accepted has none.
    """
    siblings = around[-1]
    if siblings.start == "explicit":
        return tuple(_resolved(around, name) for name in member.after)
    if siblings.start == "anyOrder":
        return ()
    above = [other for other in siblings.members[: siblings.members.index(member)] if other.minimum > 0]
    return tuple(Earlier(siblings, other) for other in above[-1:])


def check_precedence(members: Sequence[Member], start: Start) -> None:
    """Refuse what could never start. Each refusal is a ValueError of one sentence that ends with a remedy."""
    graph: dict[Node, set[Node]] = {}
    for around, member in _walk((Siblings(members, start, ""),)):
        path, found = around[-1].path(member), [("done", earlier.path) for earlier in _checked(around, member)]
        parents = [("begins", around[-1].above)] if around[-1].above else []
        graph[("begins", path)] = {*parents, *found}
        inside = [("done", f"{path}/{inner.name}") for inner in member.members] if isinstance(member, Group) else []
        graph[("done", path)] = {*inside, ("begins", path)}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as cycle:
        raise ValueError(f"members wait for each other: {_ring(cycle.args[1])}; drop one `after`") from None


def _walk(around: Around) -> Iterator[tuple[Around, Member]]:
    for member in around[-1].members:
        yield around, member
        if isinstance(member, Group):
            yield from _walk((*around, around[-1].inside(member)))


def _checked(around: Around, member: Member) -> tuple[Earlier, ...]:
    siblings = around[-1]
    where = f"group {siblings.above!r}" if siblings.above else "the system"
    if member.after and siblings.start != "explicit":
        raise ValueError(
            f"{member.name!r} says `after`, but {where} starts {siblings.start}; set start: explicit there, or leave `after` out"
        )
    try:
        found = predecessors(around, member)
    except LookupError as error:
        raise ValueError(f"{member.name!r} starts after {error.args[0]}") from None
    if any(earlier.path == siblings.path(member) for earlier in found):
        raise ValueError(f"{member.name!r} starts after itself; leave that out")
    return found


def _resolved(around: Around, name: str) -> Earlier:
    first, *inner = name.split("/")
    for siblings in reversed(around):
        if (member := named(siblings.members, first)) is not None and _leads(member, inner):
            return Earlier(siblings, member, tuple(inner))
    known = [siblings.path(member) for siblings, member in ((each[-1], member) for each, member in _walk(around[:1]))]
    near = did_you_mean(name, known) or f"; there is {', '.join(known[:12])}"
    raise LookupError(f"{name!r}, which is no member of the system{near}")


def _leads(member: Member, inner: Sequence[str]) -> bool:
    for name in inner:
        found = named(member.members, name) if isinstance(member, Group) else None
        if found is None:
            return False
        member = found
    return True


def _ring(nodes: Sequence[Node]) -> str:
    paths = [path for _, path in reversed(nodes)]
    return " after ".join(path for place, path in enumerate(paths) if place == 0 or path != paths[place - 1])
