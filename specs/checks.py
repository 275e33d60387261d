"""What must hold between the members of a system. Each refusal is a ValueError of one sentence that ends with a remedy."""

from collections.abc import Iterable, Iterator, Mapping

from specs.members import Group, Member, Place, Role, Start
from specs.precedence import check_precedence
from specs.strict import did_you_mean

DEEPEST = 3
"""Lists of members inside one another: a custom resource writes its nesting out, so it ends somewhere."""
RESERVED = frozenset({"copies", "together"})
"""Names that mean something else in a path."""


def check_members(members: tuple[Member, ...], start: Start, place: Place) -> None:
    """Refuse what no system can be: two parts of one name, impossible orders, spreads that contradict packing."""
    check_unbalanced(place, "the system")
    _check_list(members, frozenset({place.within}), "", 1)
    check_precedence(members, start)
    _check_ambiguity(members)


def check_unbalanced(place: Place, who: str) -> None:
    """Refuse a balance of what is no single role's pods."""
    if place.balance:
        raise ValueError(f"{who} says place.balance, which shares out the pods of one role; say it in the roles inside")


def check_together(names: tuple[str, ...], ratio: Mapping[str, int], members: tuple[Member, ...]) -> None:
    """Refuse a rule that names what is not there, or that its own members contradict."""
    known = {member.name: member for member in members}
    for name in names:
        if name not in known:
            raise ValueError(f"together names {name!r}, which is no member of the system{_near(name, known)}")
        if isinstance(known[name], Role) and known[name].place.within:
            raise ValueError(
                f"role {name!r} wants all its pods within one {known[name].place.within}, "
                "and together wants them in sets; keep one of the two"
            )
    for name in ratio:
        if name not in names:
            raise ValueError(f"together gives a ratio for {name!r}, which it does not name as a member{_near(name, names)}")


def check_talks(ends: Iterable[str], members: tuple[Member, ...]) -> None:
    """Refuse a path that leads to no role or group."""
    known = {path: path for _, path in _shapes(members, (), "") if path != "together"}
    for end in ends:
        if end not in known:
            raise ValueError(f"talks names {end!r}, which is no role or group of the system{_near(end, known)}")


def _check_list(members: tuple[Member, ...], narrow: frozenset[str | None], above: str, depth: int) -> None:
    where = f"group {above!r}" if above else "the system"
    if depth > DEEPEST:
        raise ValueError(f"{where} nests members {depth} deep, and {DEEPEST} is the limit; flatten a group into its parent")
    _check_names(members, where)
    for member in members:
        path = f"{above}/{member.name}" if above else member.name
        _check_spread(member, narrow, path)
        if isinstance(member, Group):
            check_unbalanced(member.place, f"group {path!r}")
            _check_list(member.members, narrow | {member.place.within}, path, depth + 1)


def _check_names(members: tuple[Member, ...], where: str) -> None:
    names = [member.name for member in members]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{where} has two members named {name!r}; give each a name of its own")
        if name in RESERVED:
            raise ValueError(f"{where} has a member named {name!r}, which means something else in a path; choose another name")


def _check_spread(member: Member, narrow: frozenset[str | None], path: str) -> None:
    spread = member.place.spread
    if spread is None:
        return
    own = {member.place.within} if isinstance(member, Role) else set[str | None]()
    if spread.over in own or (spread.strength == "required" and spread.over in narrow):
        raise ValueError(
            f"{path!r} is spread over {spread.over} and packed within one {spread.over} at once; "
            "spread over a narrower level, or pack within a broader one"
        )


def _near(name: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    return did_you_mean(name, known) or f"; there is {', '.join(known)}"


def _check_ambiguity(members: tuple[Member, ...]) -> None:
    """Pods and gangs are named by their path joined with dashes: no two paths may come out the same."""
    shapes = list(_shapes(members, (), ""))
    for place, (one, path) in enumerate(shapes):
        for other, second in shapes[place + 1 :]:
            if len(one) == len(other) and all(map(_may_equal, one, other)):
                raise ValueError(
                    f"pods of {path!r} and {second!r} could get the same names; rename one, without digits between dashes"
                )


def _shapes(members: tuple[Member, ...], above: tuple[str, ...], path: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """The words of every instance's name, "#" for an index."""
    for member in members:
        words = (*above, *member.name.split("-"), "#")
        here = f"{path}/{member.name}" if path else member.name
        yield words, here
        if isinstance(member, Group):
            yield from _shapes(member.members, words, here)
    if not above:
        yield ("together", "#", "#"), "together"


def _may_equal(one: str, other: str) -> bool:
    return one == other or (one == "#" and other.isdecimal()) or (other == "#" and one.isdecimal())
