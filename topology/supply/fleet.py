"""Fleet: the supply. Every node with what is free on it, kept up to date from nodes, pods and our own grants."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from specs.sections import section
from topology.supply.capacity import Requests
from topology.supply.claims import Claim, Claims, Seat, read_claim
from topology.supply.fabric import Fabric, discovered
from topology.supply.hosts import Host, read_host
from topology.supply.layout import Layout
from topology.supply.learned import Learned
from topology.supply.room import Room, free_table
from topology.supply.separation import Separations
from topology.supply.usual import Mix

Object = Mapping[str, Any]


class Fleet:
    """All nodes and all that is held on them. Feed it nodes, pods and grants in any order; ask `room()` for the state.

    Without a fabric, levels are discovered from well-known node labels. A change of pods, grants, readiness, taints or capacity
    costs microseconds; nodes that come, go or change labels cost one rebuild at the next question.
    Memory: about 4 KB a host with its pods. Not safe for threads: give a thread a `copy()`.
    """

    def __init__(self, fabric: Fabric | None = None, nodes: Iterable[Object] = (), pods: Iterable[Object] = ()) -> None:
        self._fabric = fabric
        self._hosts: dict[str, Host] = {}
        self._claims = Claims()
        self.separations = Separations()
        """Which systems keep apart from which."""
        self._room: Room | None = None
        self._declared: Mix | None = None
        self._learned = Learned()
        for node in nodes:
            self.put_node(node)
        for pod in pods:
            self.put_pod(pod)

    @property
    def fabric(self) -> Fabric:
        """The levels in use."""
        return self.room().layout.fabric

    @property
    def hosts(self) -> Mapping[str, Host]:
        """Every node by its name."""
        return self._hosts

    def set_fabric(self, fabric: Fabric | None) -> None:
        """Use these levels; None discovers them from node labels."""
        if fabric != self._fabric:
            self._fabric, self._room = fabric, None

    def set_usual(self, mix: Mix | None) -> None:
        """These pods usually come, where pods share GPUs; None learns it from what runs."""
        self._declared = mix

    def put_node(self, node: Object) -> bool:
        """A node was added or changed; says whether that matters. Raises ValueError, changing nothing, for a bad node."""
        return self.put_host(read_host(node))

    def put_host(self, host: Host) -> bool:
        """The same, of a node that has been read."""
        old = self._hosts.get(host.name)
        if old == host:
            return False
        self._hosts[host.name] = host
        if self._room is not None:
            self._renew(old, host, self._room)
        return True

    def drop_node(self, name: str) -> None:
        """A node is gone. What its pods held stays known, should it come back."""
        if self._hosts.pop(name, None) is not None:
            self._room = None

    def put_pod(self, pod: Object) -> None:
        """A pod was added or changed. Raises ValueError, changing nothing, for a bad quantity."""
        self._put(_pod_key(pod), read_claim(pod))

    def drop_pod(self, pod: Object) -> None:
        """A pod is gone."""
        self._put(_pod_key(pod), None)

    def grant(self, key: str, seat: Seat, node: str, requests: tuple[tuple[str, int], ...]) -> None:
        """Hold room for a seat (namespace, system, slot) from now on. Its pod, once there, takes no more than this again.

        The same key replaces what it held. Cost: a few microseconds.
        """
        self._put(f"grant/{key}", Claim(seat, node, requests))

    def revoke(self, key: str) -> None:
        """Hold it no longer. An unknown key is no error."""
        self._put(f"grant/{key}", None)

    def vacate(self, seat: Seat, node: str) -> None:
        """Whatever a seat holds on a node is free from now on: its pod's room, and what was promised to it."""
        for key in self._claims.of_seat(node, seat):
            self._put(key, None)

    def domain(self, node: str, level: str) -> str | None:
        """Path of a node's domain at a level; None when it is in none, or is unknown. Raises LookupError for the level."""
        layout = self.room().layout
        index, host = layout.fabric.index(level), layout.position.get(node)
        domain = -1 if host is None else layout.domain_of(host, index)
        return None if domain < 0 else layout.domain_name(index, domain)

    def room(self) -> Room:
        """What is free now. Placement takes from it and gives all back."""
        if self._room is None:
            self._room = self._built()
        if self._room.sharing:
            self._room.usual = self._declared or self._learned.mix(self._claims.all_used)
        return self._room

    def holders(self, node: str) -> list[tuple[Seat, Requests]]:
        """Who holds what on a node, one that is gone included."""
        return sorted(self._claims.seats(node))

    def nodes_of(self, system: str) -> list[str]:
        """Nodes on which a system (namespace and name) holds anything. Cost: linear in those."""
        return self._claims.nodes_of(system)

    def vanished(self) -> list[str]:
        """Names of nodes that are gone, or were never there, and on which something is held."""
        return sorted(name for name in self._claims.nodes() if name not in self._hosts)

    def copy(self) -> "Fleet":
        """A fleet of its own, for what-if or for another thread. Cost: about 1 us a pod."""
        made = Fleet(self._fabric)
        made._hosts, made._claims = dict(self._hosts), self._claims.copy()
        made.separations = self.separations.copy()
        made._room = None if self._room is None else self._room.copy()
        made._declared, made._learned = self._declared, self._learned.copy()
        return made

    def _put(self, key: str, claim: Claim | None) -> None:
        changes = self._claims.put(key, claim)
        self._learned.noted()
        if self._room is None:
            return
        for node, requests, sign in changes:
            index = self._room.layout.position.get(node)
            if index is not None and not self._room.shares(index):
                self._room.change(index, sign * self._room.need(requests).vector)
        for node in dict.fromkeys(node for node, _, _ in changes):
            index = self._room.layout.position.get(node)
            if index is not None and self._room.shares(index):
                self._room.refill(index, self._claims.used(node))

    def _renew(self, old: Host | None, host: Host, room: Room) -> None:
        """Carry a change over to the room, or leave it to be built anew."""
        known = all(name in room.columns for name, _ in host.allocatable)
        if old is None or old.labels != host.labels or not known:
            self._room = None
            return
        index = room.layout.position[host.name]
        more = room.need(host.allocatable).vector - room.need(old.allocatable).vector
        room.change(index, more)
        room.capacity += more
        room.renew(index, host)

    def _built(self) -> Room:
        ordered = [self._hosts[name] for name in sorted(self._hosts)]
        fabric = self._fabric or discovered([host.labels for host in ordered])
        layout = Layout(fabric, ordered)
        resources = sorted({name for host in ordered for name, _ in host.allocatable})
        columns = {name: index for index, name in enumerate(resources)}
        room = Room(layout, columns, free_table(layout.hosts, columns))
        for node in self._claims.nodes():
            if (index := layout.position.get(node)) is not None and room.shares(index):
                room.refill(index, self._claims.used(node))
            elif index is not None:
                held = [room.need(requests).vector for requests in self._claims.used(node)]
                room.free[index] -= np.sum(held, axis=0)
        return room


def _pod_key(pod: Object) -> str:
    metadata = section(pod, "metadata")
    return f"pod/{metadata.get('namespace') or 'default'}/{metadata.get('name')}/{metadata.get('uid', '')}"
