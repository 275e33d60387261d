"""Talking: parts that say much to each other are put side by side, those that say most first.

A tree of parts becomes one with soft units inside: the two parts that talk most are a unit, that and the part that talks most to
it another, and so on. A unit that may be anywhere goes into the narrowest domain that holds it. Where none holds it whole, it is
shared out first, into units that have some of each: 4 prefill and 8 decode into 4 of one and two, so that each of these may share
a rack. Nothing is required by it, so what fits is what would fit without.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from specs.gangs import Talk
from specs.paths import plain
from topology.search.units import Pods, Unit

MOST_SHARES = 8
"""That a unit is divided into; each of them is divided again, if need be."""
T = TypeVar("T", Unit, Pods)


@dataclass(frozen=True, slots=True)
class _Kin:
    """Parts of one path; or two kins that are put side by side."""

    paths: tuple[str, ...]
    parts: tuple[Unit | Pods, ...] = ()
    inside: "tuple[_Kin, _Kin] | None" = None

    @property
    def count(self) -> int:
        """Into how many shares it can be divided, each with some of every part."""
        if self.inside:
            return min(kin.count for kin in self.inside)
        first = self.parts[0]
        return len(self.parts) if isinstance(first, Unit) else len(first.slots) if _is_loose(first) else 1

    def share(self, place: int, count: int) -> "_Kin":
        """One of `count` shares, which differ by one of each at most."""
        if self.inside:
            one, other = self.inside
            return replace(self, inside=(one.share(place, count), other.share(place, count)))
        first = self.parts[0]
        if isinstance(first, Unit):
            return replace(self, parts=self.parts[_cut(len(self.parts), place, count)])
        some = replace(first, slots=first.slots[_cut(len(first.slots), place, count)], ranks=first.ranks or first.slots)
        return replace(self, parts=(some,))


def side_by_side(unit: Unit, talks: Sequence[Talk], narrow: int) -> Unit:
    """The unit, and every unit inside, with those that talk side by side: in as few domains of the `narrow` level as can be.

    Cost: 10 us a pod of those that talk.
    """
    units = tuple(side_by_side(each, talks, narrow) for each in unit.units)
    kin = _merged(_by_path((*units, *unit.pods)), talks)
    if all(each.inside is None for each in kin):
        return replace(unit, units=units)
    prefer = narrow if unit.prefer is None else unit.prefer
    if len(kin) == 1:  # all that there is: the unit around them is theirs
        return replace(unit, prefer=prefer, units=tuple(_shares(kin[0], prefer)), pods=())
    made = [part for each in kin for part in ((_unit(each, prefer),) if each.inside else each.parts)]
    return replace(unit, units=_of(Unit, made), pods=_of(Pods, made))


def is_within(path: str, around: str) -> bool:
    """Whether a declared path is that of a part, or of something in it."""
    return path == around or path.startswith(f"{around}/")


def _by_path(parts: Sequence[Unit | Pods]) -> list[_Kin]:
    found: dict[str, list[Unit | Pods]] = {}
    for part in parts:
        found.setdefault(plain(part.name), []).append(part)
    return [_Kin((path,), tuple(some)) for path, some in found.items()]


def _merged(kin: list[_Kin], talks: Sequence[Talk]) -> list[_Kin]:
    """Those that talk most first. Cost: talks times parts."""
    for talk in sorted(talks, key=lambda talk: -talk.weight):
        ends = [next((each for each in kin if any(is_within(end, path) for path in each.paths)), None) for end in talk.ends]
        one, other = ends
        if talk.weight > 1 and one is not None and other is not None and one is not other:
            kin = [each for each in kin if each is not one and each is not other]
            kin.append(_Kin((*one.paths, *other.paths), inside=(one, other)))
    return kin


def _unit(kin: _Kin, prefer: int) -> Unit:
    shares = list(_shares(kin, prefer))
    return shares[0] if len(shares) == 1 else Unit(" and ".join(kin.paths), None, prefer, units=tuple(shares))


def _shares(kin: _Kin, prefer: int) -> Iterator[Unit]:
    """As many units with some of each as there can be, up to so many."""
    count = min(MOST_SHARES, kin.count)
    if count > 1:
        yield from (_unit(kin.share(place, count), prefer) for place in range(count))
        return
    inside = sorted(kin.inside or (), key=lambda each: each.count)
    made = [part for each in inside for part in (_shares(each, prefer) if each.inside else _pieces(each, prefer))]
    yield Unit(" and ".join(kin.paths), None, prefer, units=_of(Unit, made), pods=_of(Pods, made))


def _pieces(kin: _Kin, prefer: int) -> Sequence[Unit | Pods]:
    """What can't be shared out, as something has only one: that comes first, and as many others as fit are put beside it."""
    if isinstance(kin.parts[0], Unit) or not _is_loose(kin.parts[0]):
        return kin.parts
    count = min(MOST_SHARES, kin.count)
    return [Unit(kin.paths[0], None, prefer, pods=_of(Pods, kin.share(place, count).parts)) for place in range(count)]


def _cut(size: int, place: int, count: int) -> slice:
    return slice(size * place // count, size * (place + 1) // count)


def _is_loose(pods: Pods) -> bool:
    """Whether they have no wish of their own, so that some may be here and some there."""
    return pods.prefer is None and pods.balance is None and pods.spread is None


def _of(kind: type[T], parts: Sequence[Unit | Pods]) -> tuple[T, ...]:
    return tuple(part for part in parts if isinstance(part, kind))
