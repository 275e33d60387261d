"""Units: a gang as placement sees it. Each unit goes into one domain, its parts into domains inside that one."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from specs.fabric import HOST
from specs.gangs import Bundle, Seats
from specs.members import Place
from topology.demand import Code
from topology.supply.fabric import Fabric

WHOLE = -1
"""The level of the whole fleet."""


class Misfit(Exception):
    """A demand that no fleet of this fabric could ever serve."""

    def __init__(self, code: Code, level: str, message: str) -> None:
        super().__init__(message)
        self.code: Code = code
        self.level, self.message = level, message


@dataclass(frozen=True, slots=True)
class Apart:
    """Member of a set that is spread: kept in another domain of `level` than the other members."""

    family: str
    """Path of the set: `0/prefill`, `0/router`, or "" for the copies."""
    member: str
    level: int
    required: bool


@dataclass(frozen=True, slots=True)
class Pods:
    """Identical pods, to go anywhere in the domain of the unit that holds them."""

    name: str
    """Path of the role instance: `0/prefill/2/worker`."""
    kind: int
    """Which shape, by its place in the problem's list."""
    slots: tuple[str, ...]
    prefer: int | None = None
    balance: int | None = None
    """Level whose domains share them evenly."""
    spread: tuple[int, bool] | None = None
    """Level that they are spread over, and whether that is required."""
    ranks: tuple[str, ...] = ()
    """All slots of the role instance, where these are some of them: those are numbered along the fabric as one."""


@dataclass(frozen=True, slots=True)
class Unit:
    """An instance with its parts."""

    name: str
    level: int | None
    """Level of the one domain that it must have; None when anywhere in the domain around it will do."""
    prefer: int | None = None
    apart: Apart | None = None
    units: "tuple[Unit, ...]" = ()
    pods: tuple[Pods, ...] = ()

    def all_pods(self) -> Iterator[Pods]:
        """Every pod of it, of any depth."""
        yield from self.pods
        for unit in self.units:
            yield from unit.all_pods()

    def walk(self) -> "Iterator[Unit]":
        """It and every unit inside, the outer ones first."""
        yield self
        for unit in self.units:
            yield from unit.walk()


def unit_of(root: Bundle, kinds: dict[str, int], fabric: Fabric, around: tuple[tuple[str, str], ...] = ()) -> Unit:
    """The unit of a gang's root, inside the scopes `around` it (name and level, broad to narrow).

    `kinds` says which shape each role has. Raises `Misfit` for unknown levels, and for levels broader than what is around them.
    Cost: about 5 us a bundle.
    """
    if not around:
        return _bundle(root, kinds, fabric, WHOLE)
    (name, level), *rest = around
    index = _index(fabric, level, name, WHOLE)
    return Unit(name, index, units=(_within(unit_of(root, kinds, fabric, tuple(rest)), index, fabric),))


def _within(unit: Unit, level: int, fabric: Fabric) -> Unit:
    for inner in unit.walk():
        if inner.level is not None and inner.level < level:
            raise _too_broad(inner.name, fabric.names[inner.level], fabric.names[level])
    return unit


def _bundle(bundle: Bundle, kinds: dict[str, int], fabric: Fabric, around: int) -> Unit:
    level = _level(bundle.place, bundle.name, fabric, around)
    inside = around if level is None else level
    seats = [part for part in bundle.parts if isinstance(part, Seats) and part.slots]
    units = [_bundle(part, kinds, fabric, inside) for part in bundle.parts if isinstance(part, Bundle)]
    units += [_alone(seat, kinds, fabric, inside) for seat in seats if seat.place.within]
    pods = tuple(_pods(seat, kinds, fabric) for seat in seats if not seat.place.within)
    return Unit(bundle.name, level, _soft(bundle.place.prefer, fabric), _apart(bundle, fabric), tuple(units), pods)


def _alone(seats: Seats, kinds: dict[str, int], fabric: Fabric, around: int) -> Unit:
    """The unit of a role that must have a domain of its own."""
    pods = _pods(seats, kinds, fabric)
    return Unit(pods.name, _level(seats.place, pods.name, fabric, around), pods.prefer, pods=(replace(pods, prefer=None),))


def _pods(seats: Seats, kinds: dict[str, int], fabric: Fabric) -> Pods:
    name = seats.slots[0].rpartition("/")[0]
    spread = seats.place.spread
    over = None if spread is None else (_index(fabric, spread.over, name, WHOLE), spread.strength == "required")
    prefer, balance = (_soft(level, fabric) for level in (seats.place.prefer, seats.place.balance))
    return Pods(name, kinds[seats.role], seats.slots, prefer, balance, over)


def _apart(bundle: Bundle, fabric: Fabric) -> Apart | None:
    spread = bundle.place.spread
    if spread is None:
        return None
    level = _index(fabric, spread.over, bundle.name, WHOLE)
    return Apart(bundle.name.rpartition("/")[0], bundle.name, level, spread.strength == "required")


def _soft(level: str | None, fabric: Fabric) -> int | None:
    """A level that was only a wish: one that the fabric lacks is no reason to refuse."""
    known = level is not None and (level in fabric.names or level == HOST)
    return fabric.index(level) if known and level else None


def _level(place: Place, name: str, fabric: Fabric, around: int) -> int | None:
    return None if place.within is None else _index(fabric, place.within, name, around)


def _index(fabric: Fabric, level: str, name: str, around: int) -> int:
    try:
        index = fabric.index(level)
    except LookupError as error:
        raise Misfit("UnknownLevel", level, f"{name or 'the system'}: {error}") from None
    if index < around:
        raise _too_broad(name, level, fabric.names[around])
    return index


def _too_broad(name: str, level: str, around: str) -> Misfit:
    wrong = f"{name} must be within one {level}, which is broader than the {around} around it"
    return Misfit("LevelOrder", level, f"{wrong}; give it {around} or a narrower level, or widen what is around it")
