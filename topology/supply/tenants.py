"""Tenants: who holds room on a fleet, gang by gang, and what it costs to have them leave."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from topology.supply.capacity import Requests
from topology.supply.claims import Seat

SHARE = 720_720
"""Costs are multiples of this, so that an equal share of one is a whole number on up to 16 hosts."""
_RADIX_BITS = 24
_RADIX = 1 << _RADIX_BITS
"""More than there are pods, or gangs, on any fleet."""


@dataclass(frozen=True, slots=True)
class Held:
    """What one pod has."""

    pod: str
    """Its name, for people."""
    seat: Seat
    node: str
    requests: Requests


@dataclass(frozen=True, slots=True)
class Tenant:
    """Pods that came as one gang, and leave as one."""

    name: str
    """`namespace/gang`, or `namespace/pod` for a pod that is not ours. Unique."""
    pods: tuple[Held, ...]
    priority: int = 0
    """Of its pods, as the scheduler sees it."""
    minimum: bool = True
    """Without it something stops: a base gang, or a pod of somebody else's. Otherwise it is above what must be there."""
    needs: str = ""
    """Name of the tenant that it only adds to: where that one leaves, it leaves too."""
    stays: bool = False
    """It can't be made to leave: a daemon, or a pod that its node itself runs."""


@dataclass(frozen=True, slots=True)
class Tenancy:
    """All tenants of a fleet, and what is leaving anyway."""

    tenants: tuple[Tenant, ...] = ()
    leaving: tuple[Held, ...] = ()
    """Their room is not free yet, and will be without anybody's doing."""

    def below(self, priority: int) -> tuple[Tenant, ...]:
        """Those that may have to leave for somebody of this priority: all of a lower one, with those that add to them."""
        return tuple(each for each in self.tenants if each.priority < priority and not each.stays)

    def without(self, victims: Sequence[Tenant]) -> "Tenancy":
        """As it is once these have been told to leave."""
        gone = {each.name for each in victims}
        rest = tuple(each for each in self.tenants if each.name not in gone)
        return Tenancy(rest, (*self.leaving, *(pod for each in victims for pod in each.pods)))


@dataclass(frozen=True, slots=True)
class Piece:
    """Pods whose room comes free together, at a cost."""

    name: str
    cost: int
    pods: tuple[Held, ...]
    needs: str = ""
    """Name of the piece that can't stay away alone: where that goes, this goes."""
    depth: int = 0
    """How many others it adds to, one on the other."""


@dataclass(slots=True)
class Pieces:
    """Pieces by name, and who adds to whom."""

    all: Sequence[Piece]
    _known: dict[str, Piece] = field(default_factory=dict[str, Piece])
    _added: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def __post_init__(self) -> None:
        self._known = {each.name: each for each in self.all}
        for each in self.all:
            if each.needs in self._known:
                self._added.setdefault(each.needs, []).append(each.name)

    def __getitem__(self, name: str) -> Piece:
        return self._known[name]

    def alone(self, piece: Piece) -> bool:
        """Whether it adds to nothing, and nothing adds to it."""
        return piece.needs not in self._known and piece.name not in self._added

    def cost(self, names: Iterable[str]) -> int:
        """Of these and all that add to them."""
        return sum(each.cost for each in self.closed(names))

    def closed(self, names: Iterable[str]) -> list[Piece]:
        """These and all that add to them, each once, in the order of names."""
        found: dict[str, None] = {}
        open_ = [name for name in names if name in self._known]
        while open_:
            name = open_.pop()
            if name not in found:
                found[name] = None
                open_ += self._added.get(name, ())
        return [self._known[name] for name in sorted(found)]


def eviction_pieces(tenants: Sequence[Tenant]) -> list[Piece]:
    """What each tenant costs when it must leave.

    First counts the priority: anything of a lower one goes before anything of a higher one. Then what stops (base gangs, and pods
    of others), then pods. So pods above a minimum go first, and of equal tenants the fewest pods.
    """
    ranks = {priority: rank for rank, priority in enumerate(sorted({each.priority for each in tenants}))}
    known = {each.name: each for each in tenants}

    def cost(tenant: Tenant) -> int:
        own: int = _RADIX * tenant.minimum + len(tenant.pods)
        return SHARE * (own << (2 * _RADIX_BITS * ranks[tenant.priority]))

    return [Piece(each.name, cost(each), each.pods, each.needs, depth_of(each, known)) for each in tenants]


def depth_of(tenant: Tenant, known: Mapping[str, Tenant]) -> int:
    """How many tenants it adds to, one on the other."""
    depth, seen = 0, {tenant.name}
    while (above := known.get(tenant.needs)) is not None and above.name not in seen:
        seen.add(above.name)
        tenant, depth = above, depth + 1
    return depth
