"""A cluster small enough to hold in one's head: what each step does to it, and what an observation says of it."""

from collections import Counter
from dataclasses import dataclass, field

from activities.messages import (
    CREATE, ERASE, HOLD, PLACE, RECORD, RELEASE, REMOVE, REPLACE, SUPPORT, Observation, Order, PodClass,
)  # fmt: skip

FIRST, SECOND = "router", "worker"
"""`worker` starts when every wanted router is ready."""
GATED: tuple[PodClass, ...] = ("held", "unheld", "due", "waiting")


@dataclass
class Model:
    """Slots are (role, index). One slot is one gang."""

    room: int = 0
    exists: bool = False
    planned: dict[tuple[str, int], bool] = field(default_factory=dict)
    """Slot -> granted."""
    pods: dict[tuple[str, int], str] = field(default_factory=dict)
    """Slot -> gated | nominated | pinned | refused | starting | ready | failed | lost | leaving."""
    support: int = 0

    def wanted(self, order: Order) -> list[tuple[str, int]]:
        """Slots in order."""
        return [] if order.deleting else [(role, i) for role in (FIRST, SECOND) for i in range(order.counts.get(role, 0))]

    def observe(self, order: Order) -> Observation:
        """What the agent would say."""
        wanted = self.wanted(order)
        roles: dict[str, Counter[PodClass]] = {FIRST: Counter(), SECOND: Counter()}
        for slot in wanted:
            roles[slot[0]][self._class(slot, order)] += 1
        roles[FIRST]["surplus"] = sum(slot not in wanted for slot in self.pods)
        return Observation(
            exists=self.exists,
            roles={role: dict(found) for role, found in roles.items()},
            unplanned=sum(slot not in self.planned for slot in wanted),
            waiting=sum(not self.planned.get(slot, True) for slot in wanted),
            surplus_gangs=sum(slot not in wanted for slot in self.planned),
            support=0 if order.deleting else self.support,
            left=len(self.pods) + len(self.planned) + self.support,
        )

    def do(self, action: str, order: Order) -> int:
        """Carry out one step; how much was written."""
        before = repr(self)
        {RECORD: self._record, SUPPORT: self._support, PLACE: self._place, CREATE: self._create, HOLD: self._hold,
         RELEASE: self._release, REPLACE: self._replace, REMOVE: self._remove, ERASE: self._erase}[action](order)  # fmt: skip
        return int(repr(self) != before)

    def tick(self) -> None:
        """What happens by itself: leaving pods go, pinned ones are bound, bound ones become Ready, room is given."""
        after = {"pinned": "starting", "starting": "ready"}
        self.pods = {slot: after.get(state, state) for slot, state in self.pods.items() if state != "leaving"}
        self._grant()

    def free(self) -> int:
        """Room that nobody was granted and no pod sits in."""
        held = {slot for slot, granted in self.planned.items() if granted}
        return self.room - len(held | {slot for slot, state in self.pods.items() if state not in ("gated", "failed")})

    def _class(self, slot: tuple[str, int], order: Order) -> PodClass:
        state, granted = self.pods.get(slot), self.planned.get(slot, False)
        if state is None:
            return "missing" if granted else "bare"
        if state in ("gated", "nominated"):
            due = slot[0] == FIRST or all(self.pods.get((FIRST, i)) == "ready" for i in range(order.counts.get(FIRST, 0)))
            return "waiting" if not granted else "due" if due else "held" if state == "nominated" else "unheld"
        return state  # type: ignore[return-value]

    def _record(self, order: Order) -> None:
        self.exists, self.support = True, 2 if not self.exists else self.support

    def _support(self, order: Order) -> None:
        self.support = 0

    def _place(self, order: Order) -> None:
        for slot in self.wanted(order):
            self.planned.setdefault(slot, False)
        self._grant()

    def _grant(self) -> None:
        for slot in sorted(self.planned):
            if not self.planned[slot] and self.free() > 0:
                self.planned[slot] = True

    def _create(self, order: Order) -> None:
        for slot in self.wanted(order):
            self.pods.setdefault(slot, "gated")

    def _hold(self, order: Order) -> None:
        self._turn(order, "unheld", "nominated")

    def _release(self, order: Order) -> None:
        self._turn(order, "due", "pinned")

    def _replace(self, order: Order) -> None:
        for dead in ("failed", "refused", "lost"):
            self._turn(order, dead, "leaving")  # type: ignore[arg-type]

    def _remove(self, order: Order) -> None:
        wanted = set(self.wanted(order))
        self.pods = {slot: state if slot in wanted else "leaving" for slot, state in self.pods.items()}
        self.planned = {slot: granted for slot, granted in self.planned.items() if slot in wanted or slot in self.pods}

    def _erase(self, order: Order) -> None:
        self.pods = dict.fromkeys(self.pods, "leaving")
        self.support = 0
        if not self.pods:
            self.planned, self.exists = {}, False

    def _turn(self, order: Order, found: PodClass, into: str) -> None:
        for slot in [slot for slot in self.pods if slot in self.wanted(order) and self._class(slot, order) == found]:
            self.pods[slot] = into
