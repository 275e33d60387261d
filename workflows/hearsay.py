"""What a system looks like, told by somebody who was not asked: it saves a question when nothing newer is known."""

from activities.messages import Observation, Order


class Hearsay:
    """Keeps one observation until it is used; when in doubt none, and then the workflow asks."""

    def __init__(self) -> None:
        self._told: Observation | None = None

    def nudged(self, seen: Observation | None) -> None:
        """A nudge says this; None: it only says that something changed. Of two that were not used yet the newer counts."""
        older = seen is not None and self._told is not None and not seen.covers(self._told.versions)
        self._told = None if older else seen

    def stepped(self, seen: Observation | None, *, nudged: bool) -> None:
        """A step saw this when it was done; None: it does not know. After a nudge meanwhile, the newer of the two counts."""
        told = self._told if nudged else seen
        if told is None or seen is None:
            self._told = None
        elif told.covers(seen.versions):
            self._told = told
        else:
            self._told = seen if seen.covers(told.versions) else None

    def take(self, order: Order, last: Observation) -> Observation | None:
        """What was told, once: if it is for this order, and not older than what was written and seen last."""
        told, self._told = self._told, None
        if told is None or told.question != order.question:
            return None
        return told if told.covers(order.versions) and told.covers(last.versions) else None
