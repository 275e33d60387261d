"""The budget: how many units may be taken away now. Pure."""

from collections import Counter
from collections.abc import Sequence

from activities.state.units import Unit, free


def within(whole: Sequence[Unit], others: Sequence[Unit], allowed: int, member: str) -> list[Unit]:
    """Of units that all serve, those that may go. `others`: what else there is of that role or group, surge among them.

    Surge stands in for units of its own copy (for any other where copies themselves are the units, `member` being `""`); what
    it does not, the budget must bear.
    """

    def home(unit: Unit) -> int:
        return unit.copy if member else 0

    spare = Counter(home(unit) for unit in others if unit.spare and unit.available)
    out = Counter(home(unit) for unit in others if not unit.spare and not unit.available)
    left = allowed - (out - spare).total()
    spare -= out
    chosen: list[Unit] = []
    for unit in whole:
        if spare[home(unit)] > 0:
            spare[home(unit)] -= 1
        elif left > 0:
            left -= 1
        else:
            continue
        chosen.append(unit)
    return chosen[: free(others, allowed)]
