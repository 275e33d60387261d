"""The ledger as it is watched: every commit follows the one before, and none gives room that the Placements show as taken."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.cluster.api import Json

LEDGER = "/api/v1/namespaces/espalier-system/configmaps"
NAME = "espalier-ledger"
Grants = Mapping[str, Mapping[str, str]]
"""Placement -> slot -> node."""


@dataclass(frozen=True)
class Head:
    """One commit: what it gives and takes back, by Placement (uid and name) and slot."""

    version: int
    pending: tuple[tuple[str, Mapping[str, str | None]], ...]

    def over(self, granted: Grants) -> Grants:
        """All grants with it; Placements that are gone by then, or of other namespaces, are none."""
        found = {name: dict(nodes) for name, nodes in granted.items()}
        for name, nodes in self.pending:
            if name in found:
                found[name] = {slot: node for slot, node in {**found[name], **nodes}.items() if node is not None}
        return found


@dataclass
class Heads:
    """Commits are watched apart from Placements: each is judged once all Placements before it have been seen."""

    stamp: tuple[int, int] = (0, 0)
    """Epoch and sequence of the last."""
    commits: int = 0
    _unjudged: list[Head] = field(default_factory=list[Head])

    def seen(self, event: Json) -> list[str]:
        """What a change of the ledger breaks by itself."""
        found = event["object"]
        if found["metadata"]["name"] != NAME or event["type"] == "DELETED":
            return []
        data, last = found["data"], self.stamp
        self.stamp = int(data["epoch"]), int(data["sequence"])
        self.commits += 1
        pending = tuple((entry[1], entry[3]) for entry in json.loads(data["pending"]))
        if event.get("late"):  # what came between is not known
            self._unjudged.clear()
            return []
        self._unjudged.append(Head(int(found["metadata"]["resourceVersion"]), pending))
        follows = (last[0], last[1] + 1)
        return [f"the ledger is at {self.stamp}, after {last}"] if self.stamp[0] == last[0] and self.stamp != follows else []

    def before(self, version: int) -> list[Head]:
        """Those before this version of any Placement, each once."""
        due = [head for head in self._unjudged if head.version < version]
        self._unjudged = [head for head in self._unjudged if head.version >= version]
        return due
