"""Merged: several demands as one, so that a search settles them together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from specs.gangs import Bundle, Gang, Seats
from specs.members import Place
from topology.demand import Demand, Granted
from topology.search.closeness import closeness
from topology.supply.layout import Layout

ROOT = "all"


def merged(demands: Sequence[Demand]) -> Demand:
    """One demand for all of them, its names kept apart by system (where there is none, by demand)."""
    both = list(zip(prefixes_of(demands), enumerate(demands), strict=True))
    roots = tuple(_around(prefix, index, each) for prefix, (index, each) in both)
    gang = Gang(ROOT, minimum=True, copy_index=0, scopes=(), root=Bundle(ROOT, parts=roots))
    return Demand(
        gang,
        {f"{index}:{role}": shape for _, (index, each) in both for role, shape in each.shapes.items()},
        taken={_named(prefix, name): domain for prefix, (_, each) in both for name, domain in each.taken.items()},
        keep={f"{prefix}/{slot}": node for prefix, (_, each) in both for slot, node in each.keep.items()},
        beside={f"{prefix}/{slot}": node for prefix, (_, each) in both for slot, node in each.beside.items()},
        excluded={f"{index}:{role}": nodes for _, (index, each) in both for role, nodes in each.excluded.items()},
    )


def parted(demands: Sequence[Demand], granted: Granted, layout: Layout) -> list[Granted]:
    """Each demand's share of the answer for all."""
    return [_share(prefix, each, granted, layout) for prefix, each in zip(prefixes_of(demands), demands, strict=True)]


def prefixes_of(demands: Sequence[Demand]) -> list[str]:
    """What the names of each demand begin with: gangs of one system share theirs, as they share domains and spreads."""
    seen: dict[str, int] = {}
    return [f"{seen.setdefault(each.system or f'#{index}', len(seen))}:" for index, each in enumerate(demands)]


def _share(prefix: str, demand: Demand, granted: Granted, layout: Layout) -> Granted:
    nodes = {slot: granted.nodes[f"{prefix}/{slot}"] for slot in demand.gang.slots()}
    names = [scope.name for scope, _ in demand.gang.domains()]
    domains: Mapping[str, str] = {
        name: found for name in names if (found := granted.domains.get(_named(prefix, name))) is not None
    }
    moved = tuple(slot for slot, node in sorted(demand.keep.items()) if nodes.get(slot) != node)
    devices = {slot: chosen for slot in nodes if (chosen := granted.devices.get(f"{prefix}/{slot}"))}
    near = closeness(layout, {slot: layout.position[node] for slot, node in nodes.items()}, demand.gang.talks)
    return Granted(demand.gang.name, nodes, near, domains, moved, devices)


def _around(prefix: str, index: int, demand: Demand) -> Bundle:
    """The gang's tree under its prefix, inside the domain that its whole system shares, where there is one."""
    root = _renamed(demand.gang.root, prefix, index)
    assert isinstance(root, Bundle)
    level = next((scope.level for scope in demand.gang.scopes if scope.name == ""), None)
    return Bundle(prefix, Place(within=level), (root,))


def _renamed(part: Bundle | Seats, prefix: str, index: int) -> Bundle | Seats:
    if isinstance(part, Seats):
        return replace(part, role=f"{index}:{part.role}", slots=tuple(f"{prefix}/{slot}" for slot in part.slots))
    return replace(part, name=_named(prefix, part.name), parts=tuple(_renamed(each, prefix, index) for each in part.parts))


def _named(prefix: str, name: str) -> str:
    return f"{prefix}/{name}" if name else prefix
