"""How long a rollout has got no further. Pure: the time is told."""

from activities.messages import Message, Observation, Order


class Clock(Message):
    """Runs while a rollout could get on and does not; stands still while it waits for room, for somebody, or holds itself."""

    revision: str = ""
    available: int = 0
    """Most units of that revision that were available at once."""
    spent_s: float = 0.0
    """Without one more of them."""
    since: float | None = None
    """Of the time not counted in `spent_s` yet, seconds since 1970; None while it stands still."""

    def looked(self, now: float, order: Order, seen: Observation) -> "Clock":
        """After one more look."""
        runs = seen.deadline_s is not None and not seen.clock_stands
        spent_s = self.spent_s + (now - self.since if self.since is not None else 0.0)
        if order.revision != self.revision or seen.available > self.available:
            return Clock(revision=order.revision, available=seen.available, since=now if runs else None)
        return self.model_copy(update={"spent_s": spent_s, "since": now if runs else None})

    def left_s(self, now: float, seen: Observation) -> float | None:
        """Seconds until the deadline; None while the clock stands still, or where there is no deadline."""
        if self.since is None or seen.deadline_s is None:
            return None
        return seen.deadline_s - self.spent_s - (now - self.since)
