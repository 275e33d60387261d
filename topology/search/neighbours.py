"""Neighbours: which members of a spread set are in which domain."""

from collections.abc import Mapping

from topology.supply.layout import Layout

Family = tuple[str, int]
"""Path of the set, and the level that it is spread over."""


class Neighbours:
    """Members by domain, counted, with a trail like that of the room."""

    def __init__(self, layout: Layout, placed: Mapping[str, str]) -> None:
        self._layout = layout
        self._placed = [(slot, host) for slot, node in placed.items() if (host := layout.position.get(node)) is not None]
        self._there: dict[Family, dict[int, dict[str, int]]] = {}
        self._trail: list[tuple[Family, int, str]] = []

    def others(self, family: Family, domain: int, member: str) -> int:
        """How many other members of the set are in a domain."""
        there = self.members(family).get(domain)
        return 0 if not there else len(there) - (member in there)

    def members(self, family: Family) -> Mapping[int, Mapping[str, int]]:
        """Members of a set by domain, with their pods; those that were placed before included."""
        return self._of(family)

    def join(self, family: Family, domain: int, member: str) -> None:
        """A pod of a member goes into a domain."""
        there = self._of(family).setdefault(domain, {})
        there[member] = there.get(member, 0) + 1
        self._trail.append((family, domain, member))

    def mark(self) -> int:
        """Where `undo` may come back to."""
        return len(self._trail)

    def undo(self, mark: int) -> None:
        """Forget whoever joined since."""
        while len(self._trail) > mark:
            family, domain, member = self._trail.pop()
            there = self._there[family][domain]
            there[member] -= 1
            if not there[member]:
                del there[member]

    def _of(self, family: Family) -> dict[int, dict[str, int]]:
        if family not in self._there:
            found: dict[int, dict[str, int]] = {}
            for slot, host in self._placed:
                member = member_of(slot, family[0])
                domain = self._layout.domain_of(host, family[1])
                if member and domain >= 0:
                    there = found.setdefault(domain, {})
                    there[member] = there.get(member, 0) + 1
            self._there[family] = found
        return self._there[family]


def member_of(slot: str, family: str) -> str:
    """The member of a set that a slot belongs to: `0/prefill/2` of `0/prefill/2/worker/1`; "" when it is not of that set."""
    prefix = f"{family}/" if family else ""
    return prefix + slot[len(prefix) :].partition("/")[0] if slot.startswith(prefix) else ""
