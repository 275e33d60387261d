"""Ground: which nodes can serve, for whom, and whether they are ready for that. Pure."""

from collections.abc import Collection, Mapping
from typing import Protocol

from activities.cache.pods import Node


class Warmth(Protocol):
    """Knows which nodes are warmed up."""

    def cold(self, revision: str, node: str) -> bool: ...


class Ground:
    """Which nodes can serve. `silent` ones are there, but have not answered for too long; `refused` are a role and a node.

    `held` are roles that were refused too often to be tried on for now.
    """

    def __init__(
        self,
        nodes: Mapping[str, Node],
        silent: Collection[str] = (),
        refused: Collection[tuple[str, str]] = frozenset(),
        held: Collection[str] = frozenset(),
        warmth: "Warmth | None" = None,
    ) -> None:
        self._nodes = nodes
        self._silent = silent
        self._refused = refused
        self._held = held
        self._warmth = warmth

    @property
    def warms(self) -> bool:
        """Nodes are warmed up before pods start there."""
        return self._warmth is not None

    def cold(self, revision: str, node: str) -> bool:
        """Pods of that revision wait until this node is warmed up."""
        return self._warmth is not None and self._warmth.cold(revision, node)

    def holds(self, role: str) -> bool:
        """Pods of this role that the scheduler refuses stay: it lets them go itself once it can."""
        return role in self._held

    def lost(self, node: str) -> bool:
        """What ran there runs no more."""
        return node not in self._nodes or node in self._silent

    def quiet(self, node: str) -> bool:
        """Has not answered of late, but not for so long that it is lost: what runs there may well serve."""
        found = self._nodes.get(node)
        return found is not None and not found.ready and not self.lost(node)

    def closed(self, node: str, role: str) -> bool:
        """Nothing new of this role can go there now."""
        found = self._nodes.get(node)
        return found is None or not found.open or not found.ready or (role, node) in self._refused
