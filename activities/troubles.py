"""What keeps activities from being done while they are tried again: their orders do not know of it before they give up."""

from activities.messages import Order

Whose = tuple[str, int]
"""UID and generation: what troubled another intent, or another system of that name, is no news of this one."""


class Troubles:
    """The last try of each activity, by system, where it failed."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[Whose, dict[str, str]]] = {}

    def note(self, order: Order, activity: str, problem: str = "") -> None:
        """The activity was tried; it had this problem, or none."""
        key, whose = _key(order), _whose(order)
        found, before = self._known.get(key, (whose, {}))
        others = {name: why for name, why in before.items() if name != activity and found == whose}
        now = {**others, **({activity: problem} if problem else {})}
        if now:
            self._known[key] = (whose, now)
        else:
            self._known.pop(key, None)

    def told(self, order: Order) -> Order:
        """The order, with what its activities suffer from now."""
        known = self._known.get(_key(order))
        if known is None or known[0] != _whose(order):
            return order
        return order.model_copy(update={"problems": {**order.problems, **known[1]}})


def _key(order: Order) -> tuple[str, str]:
    return order.ref.namespace, order.ref.name


def _whose(order: Order) -> Whose:
    return order.uid, order.generation
