"""Room: what is free on every host and how many pods of each shape fit where, kept up to date as places are taken."""

from collections.abc import Sequence

import numpy as np

from topology.supply.capacity import PODS, Requests
from topology.supply.devices import NO_DEVICES, Chosen
from topology.supply.eligibility import Rule
from topology.supply.fractions import device, wants
from topology.supply.hosts import Host
from topology.supply.layout import Ints, Layout
from topology.supply.shapes import Shape
from topology.supply.sharing import Sharing
from topology.supply.usual import Losses, Mix

MOST_SHAPES = 256
"""Counts kept at once: 0.2 MB each at 25,000 hosts."""
MOST_NEEDS = 4_096
_LONG_LOG = 50_000
_MOST_PODS = 10_000
"""Of one node, whatever it says: so that counts over a fleet fit into 64 bits."""
_FEW = 24
"""Changed hosts up to which counting them one by one is quicker than by numpy."""


class Need:
    """What one pod of a shape takes, as this room counts."""

    def __init__(self, requests: Requests, columns: dict[str, int]) -> None:
        self.known = all(name in columns for name, _ in requests)
        self.parts = tuple((columns[name], amount) for name, amount in requests if name in columns)
        self.ask = wants(requests) if device(0) in columns else NO_DEVICES
        self.vector = np.zeros(len(columns), np.int64)
        for column, amount in self.parts:
            self.vector[column] = amount

    def times(self, row: list[int]) -> int:
        """How many such pods fit into what is free on one host, its devices apart."""
        if not self.known:
            return 0
        return max(0, min((row[column] // amount for column, amount in self.parts), default=0))


class Fits:
    """How many pods of one shape fit: `at[level][domain]`, the host level last. Other shapes may want the same room."""

    def __init__(self, shape: Shape, need: Need, at: list[Ints]) -> None:
        self.shape, self.need, self.at = shape, need, at
        self.host = at[-1]
        self.seen = 0
        self.losses: Losses | None = None

    def total(self) -> int:
        """Over the whole fleet."""
        return int(self.host.sum())


class Room:
    """Free resources of a fleet, with a trail: whatever was taken can be given back to a mark.

    Not safe for threads. Cost: 8 bytes a host, resource and shape; a query after k changes takes O(k) per level.
    """

    def __init__(self, layout: Layout, columns: dict[str, int], free: Ints, capacity: Ints | None = None) -> None:
        self.layout, self.columns, self.free = layout, columns, free
        self.capacity: Ints = free.sum(axis=0) if capacity is None else capacity
        """All that the hosts have, free or not, by column."""
        self.sharing = Sharing(columns, free_table(layout.hosts, columns)) if device(0) in columns else None
        self.usual: Mix | None = None
        """The pods that usually come, where pods share GPUs."""
        self._fits: dict[Shape, Fits] = {}
        self._needs: dict[Requests, Need] = {}
        self._able: dict[Rule, Ints] = {}
        self._obstacles: dict[Rule, list[str]] = {}
        self._log: list[int] = []
        self._forgotten = 0
        self._trail: list[tuple[int, Ints]] = []
        self._of_host = [list(stretch.of_host) for stretch in layout.stretches]

    def obstacles(self, rule: Rule) -> list[str]:
        """Why each host can't take such pods whatever is free there; "" where it can."""
        self._eligible(rule)
        return self._obstacles[rule]

    def need(self, requests: Requests) -> Need:
        """What a pod with these requests takes."""
        found = self._needs.get(requests)
        if found is None:
            if len(self._needs) >= MOST_NEEDS:
                self._needs.clear()
            found = self._needs[requests] = Need(requests, self.columns)
        return found

    def fits(self, shape: Shape) -> Fits:
        """How many pods of a shape fit where, as of now. Keep no part of it over a change."""
        found = self._fits.get(shape)
        if found is None:
            found = self._fits[shape] = self._counted(shape)
        return self.fresh(found)

    def fresh(self, fits: Fits) -> Fits:
        """The same counts, brought up to date. Cost: about 2 us a host that has changed since."""
        if fits.seen != self.changes:
            self._refresh(fits)
        return fits

    @property
    def changes(self) -> int:
        """How often a host has changed so far."""
        return self._forgotten + len(self._log)

    def changed(self, seen: int) -> Sequence[int]:
        """Hosts that have changed since there were so many `changes`; all of them when that is too long ago."""
        since = self.changes - seen
        known = since <= len(self._log)
        return list(dict.fromkeys(self._log[len(self._log) - since :])) if known else range(len(self.layout.hosts))

    def take(self, host: int, need: Need, count: int = 1) -> tuple[Chosen, ...]:
        """Take the room of some pods on a host. Returns the devices of each, where it shares its GPUs."""
        if self.sharing and need.ask.total and count > 0 and self.sharing.shares[host]:
            return tuple(self._take_devices(host, need, self.sharing) for _ in range(count))
        self._take(host, count * need.vector)
        return ()

    def _take_devices(self, host: int, need: Need, sharing: Sharing) -> Chosen:
        chosen = sharing.choose(self.free[host], need.ask)
        self._take(host, sharing.taken(need.vector, need.ask, chosen))
        return chosen

    def _take(self, host: int, vector: Ints) -> None:
        self.change(host, -vector)
        self._trail.append((host, vector))

    def mark(self) -> int:
        """Where `undo` may come back to."""
        return len(self._trail)

    def undo(self, mark: int) -> None:
        """Give back whatever was taken since the mark."""
        while len(self._trail) > mark:
            host, vector = self._trail.pop()
            self.change(host, vector)

    def keep(self) -> None:
        """Forget how to undo: what was taken stays taken."""
        self._trail.clear()

    def change(self, host: int, vector: Ints) -> None:
        """Add to what is free on a host, for good."""
        self.free[host] += vector
        self._log.append(host)
        if len(self._log) > _LONG_LOG:
            self._forgotten += len(self._log)
            self._log.clear()

    def shares(self, host: int) -> bool:
        """Whether pods share the GPUs of a host."""
        return self.sharing is not None and bool(self.sharing.shares[host])

    def refill(self, host: int, held: Sequence[Requests]) -> None:
        """Count anew what is free on a host that shares its GPUs. Who has no devices by name gets some, the largest first."""
        row: Ints = free_table(self.layout.hosts[host : host + 1], self.columns)[0]
        needs = [self.need(requests) for requests in sorted(held)]
        for need in sorted(needs, key=lambda need: (need.ask.total > 0, -need.ask.total)):
            row -= self.sharing.with_devices(row, need.vector, need.ask) if self.sharing else need.vector
        self.change(host, row - self.free[host])

    def renew(self, index: int, host: Host) -> None:
        """The facts of a host other than its labels have changed."""
        self.layout.hosts[index] = host
        for rule, able in self._able.items():
            self._obstacles[rule][index] = rule.obstacle(host)
            able[index] = not self._obstacles[rule][index]
        self._log.append(index)

    def copy(self) -> "Room":
        """A room of its own, for what-if. Cost: a copy of the free table, 1.2 MB at 25,000 hosts; counts are made anew."""
        made = Room(self.layout, self.columns, self.free.copy(), self.capacity.copy())
        made.usual = self.usual
        return made

    def _counted(self, shape: Shape) -> Fits:
        if len(self._fits) >= MOST_SHAPES:
            self._fits.pop(next(iter(self._fits)))
        need = self.need(shape.requests)
        host = np.zeros(len(self.layout.hosts), np.int64)
        if need.known and len(host):
            host = self._times(need, self.free, slice(None)) * self._eligible(shape.rule)
        fits = Fits(shape, need, [*(self.layout.sums(host, level) for level in range(self.layout.fabric.host)), host])
        fits.seen = self.changes
        return fits

    def _times(self, need: Need, free: Ints, hosts: Ints | slice) -> Ints:
        """How many such pods fit on each of some hosts, whose rows of the table are `free`."""
        counts = [free[:, column] // amount for column, amount in need.parts]
        if self.sharing and (found := self.sharing.fits(need.ask, free, hosts)) is not None:
            counts.append(found)
        least: Ints = np.minimum.reduce(counts)
        return np.maximum(least, 0)

    def _eligible(self, rule: Rule) -> Ints:
        """1 for every host that the rule allows, 0 for the others. Cost: about 1 us a host, the first time."""
        found = self._able.get(rule)
        if found is None:
            if len(self._able) >= MOST_SHAPES:
                oldest = next(iter(self._able))
                del self._able[oldest], self._obstacles[oldest]
            self._obstacles[rule] = [rule.obstacle(host) for host in self.layout.hosts]
            found = self._able[rule] = np.array([not obstacle for obstacle in self._obstacles[rule]], np.int64)
        return found

    def _refresh(self, fits: Fits) -> None:
        hosts = self.changed(fits.seen)
        fits.seen = self.changes
        able = self._eligible(fits.shape.rule)
        if len(hosts) > _FEW or (self.sharing and fits.need.ask.total):
            self._recount(fits, np.array(hosts), able)
            return
        for host in hosts:
            self._recount_one(fits, host, fits.need.times(self.free[host].tolist()) if able[host] else 0)

    def _recount_one(self, fits: Fits, host: int, now: int) -> None:
        if delta := now - int(fits.host[host]):
            fits.host[host] = now
            for sums, of_host in zip(fits.at, self._of_host, strict=False):
                if (domain := of_host[host]) >= 0:
                    sums[domain] += delta

    def _recount(self, fits: Fits, hosts: Ints, able: Ints) -> None:
        if not fits.need.known:
            return
        now = self._times(fits.need, self.free[hosts], hosts) * able[hosts]
        delta = now - fits.host[hosts]
        fits.host[hosts] = now
        for sums, of_host in zip(fits.at, self._of_host, strict=False):
            touched: list[int] = hosts.tolist()
            domains = np.array([of_host[host] for host in touched])
            np.add.at(sums, domains[domains >= 0], delta[domains >= 0])


def free_table(hosts: Sequence[Host], columns: dict[str, int]) -> Ints:
    """What each host can hold, one row a host, one column a resource."""
    table = np.zeros((len(hosts), len(columns)), np.int64)
    for index, host in enumerate(hosts):
        for name, amount in host.allocatable:
            table[index, columns[name]] = min(amount, _MOST_PODS) if name == PODS else amount
    return table
