"""What if: a fleet with nodes or domains taken away, or with copies of a domain added, before anything is planned on it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from specs.counts import COPIES, Counts, count_of, rescaled
from specs.strict import did_you_mean
from specs.system import InferenceSystem
from topology.planning.wares import RACKS
from topology.supply.fleet import Fleet
from topology.supply.layout import Layout

_COPIES_OF = re.compile(r"(\d{1,4})x(.+)")
_SCALED = re.compile(r"([^=\s]+)=([+-]?)(\d{1,5})")


class WhatIfError(ValueError):
    """A supposition that can't be made. The message is one sentence that ends with a remedy."""


def without(fleet: Fleet, names: Sequence[str]) -> None:
    """Take nodes, or whole domains by their name or path, out of a fleet. Raises `WhatIfError` for a name that is none or two."""
    for name in names:
        for node in _nodes_of(fleet, name)[1]:
            fleet.drop_node(node)


def with_copies(fleet: Fleet, wishes: Sequence[str]) -> None:
    """Add empty copies of a domain beside it: `2xrack-7` adds `rack-7+1` and `rack-7+2`, with all nodes of that rack.

    Racks of `wares.RACKS` need not be there: `2xgb200-rack` adds two, in domains of their own at broader levels.
    Raises `WhatIfError` for what can't be read, or for a domain that is none or two.
    """
    for wish in wishes:
        read = _COPIES_OF.fullmatch(wish)
        if read is None:
            raise WhatIfError(f"{wish!r} says not how many copies of what; write it like 2xrack-7")
        numbers = range(1, int(read[1]) + 1)
        if read[2] in RACKS:
            _buy(fleet, read[2], numbers)
        else:
            _copy(fleet, read[2], numbers)


def _buy(fleet: Fleet, kind: str, numbers: Iterable[int]) -> None:
    for number in numbers:
        for node in RACKS[kind].manifests(f"{kind}+{number}", fleet.fabric, kind):
            fleet.put_node(node)


def _copy(fleet: Fleet, domain: str, numbers: Iterable[int]) -> None:
    label, nodes = _nodes_of(fleet, domain)
    for number in numbers:
        for name in nodes:
            host = fleet.hosts[name]
            labels = {**host.labels, label: f"{host.labels.get(label, name)}+{number}"}
            fleet.put_host(replace(host, name=f"{name}+{number}", labels=labels, ready=True, cordoned=False))


def scaled(system: InferenceSystem, changes: Sequence[str]) -> Counts:
    """Counts of a system with changes made, such as `decode=+4` or `copies=2`; those that name no part of it are passed over.

    As `espalier scale` would: what follows by a ratio follows. Raises `WhatIfError` for what can't be read, or would be refused.
    """
    counts: dict[str, int] = {}
    for change in changes:
        read = _SCALED.fullmatch(change)
        if read is None:
            raise WhatIfError(f"{change!r} is no change of a count; write it like decode=+4, decode=-1 or {COPIES}=2")
        path, sign, number = read[1], read[2], int(read[3])
        try:
            now = count_of(system.spec, counts, path)
        except LookupError:
            continue
        count = now + number if sign == "+" else now - number if sign == "-" else number
        try:
            counts = dict(rescaled(system.spec, counts, {path: max(0, count)}))
        except ValueError as error:
            raise WhatIfError(f"{system.metadata.name}: {error}") from None
    return counts


def check_paths(systems: Sequence[InferenceSystem], changes: Sequence[str]) -> None:
    """Raises `WhatIfError` for a change that names no part of any of the systems."""
    for change in changes:
        path = change.partition("=")[0]
        if not any(_has(system, path) for system in systems):
            raise WhatIfError(f"{path!r} is no part of any of these systems; see the roles and groups in their manifests")


def _has(system: InferenceSystem, path: str) -> bool:
    try:
        count_of(system.spec, {}, path)
    except LookupError:
        return False
    return True


def _nodes_of(fleet: Fleet, name: str) -> tuple[str, list[str]]:
    """The label that tells a domain, and its nodes; of a node, the label of its name."""
    layout = fleet.room().layout
    found = [(level, index) for level, index, path in _domains(layout) if name in {path, path.rpartition("/")[2]}]
    if len(found) > 1:
        paths = ", ".join(layout.domain_name(level, index) for level, index in found[:4])
        raise WhatIfError(f"{name!r} may be any of {paths}; write its whole path")
    if not found:
        known = [path.rpartition("/")[2] for _, _, path in _domains(layout)]
        raise WhatIfError(f"there is no node or domain {name!r}{did_you_mean(name, known) or '; list them with: espalier map'}")
    level, index = found[0]
    area = layout.area(level, index)
    nodes = list(layout.names[area.low : area.high])
    if level == layout.fabric.host:
        return "kubernetes.io/hostname", nodes
    labels = fleet.hosts[nodes[0]].labels
    return next(key for key in layout.fabric.levels[level].labels if labels.get(key)), nodes


def _domains(layout: Layout) -> Iterator[tuple[int, int, str]]:
    for level in range(layout.fabric.host + 1):
        first, last = layout.inside(layout.whole, level)
        yield from ((level, index, layout.domain_name(level, index)) for index in range(first, last))
