"""Paths: `prefill/worker` names a declared part, `0/prefill/2/worker` one instance of it, `0/prefill/2/worker/3` a slot.

Names start with a letter and indexes are numbers, so the two never mix.
"""

from collections.abc import Iterator

from specs.members import named
from specs.strict import did_you_mean
from specs.system import Group, Member, Role, SystemSpec

COPIES = "copies"


def plain(path: str) -> str:
    """The declared path of an instance or a slot: `0/prefill/2/worker/3` -> `prefill/worker`. Cost: its length."""
    return "/".join([part for part in path.split("/") if not part.isdecimal()])


def parent(path: str) -> str:
    """All but the last step: the role instance of a slot, the group of a replica. "" at the top."""
    return path.rpartition("/")[0]


def walk(members: tuple[Member, ...], above: str = "") -> Iterator[tuple[str, Member]]:
    """Every declared part with its path, parents before children, in the order written."""
    for member in members:
        path = f"{above}/{member.name}" if above else member.name
        yield path, member
        if isinstance(member, Group):
            yield from walk(member.members, path)


def paths(spec: SystemSpec) -> tuple[str, ...]:
    """Every path that can be scaled: `copies`, then each part of a copy."""
    return (COPIES, *(path for path, _ in walk(spec.members)))


def part(spec: SystemSpec, path: str) -> Member:
    """The role or group that a path leads to, with or without indexes.

    Raises LookupError, with the nearest known path, when there is none.
    """
    members, found = spec.members, None
    for name in plain(path).split("/"):
        found = named(members, name)
        if found is None:
            raise unknown(spec, path)
        members = found.members if isinstance(found, Group) else ()
    assert found is not None
    return found


def roles(spec: SystemSpec) -> tuple[tuple[str, Role], ...]:
    """Every role with its declared path."""
    return tuple((path, member) for path, member in walk(spec.members) if isinstance(member, Role))


def unknown(spec: SystemSpec, path: str) -> LookupError:
    """What to raise for a path that leads nowhere."""
    known = paths(spec)
    near = did_you_mean(plain(path) or path, known)
    listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return LookupError(f"{path!r} is no part of this system{near or f'; its parts are: {listed}'}")
