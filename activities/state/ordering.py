"""Which roles and groups a rollout is at, where some are updated before others. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from activities.state.units import Unit
from specs.rollout import Rollout


class Stage(NamedTuple):
    """Who is updated now: those of one number."""

    rank: int
    held_by: Unit | None = None
    """A unit of an earlier number that has to be available first."""

    def takes(self, member: str, rollout: Rollout) -> bool:
        """Whether units of this role or group may be updated, or surge for it be added."""
        return self.held_by is None and rollout.rank(member) == self.rank


def stage_of(members: Mapping[str, Sequence[Unit]], rollout: Rollout) -> Stage | None:
    """The lowest number of which something is still to be updated; None where nothing is."""
    ranks = [rollout.rank(member) for member, units in members.items() if any(unit.waits(rollout) for unit in units)]
    if not ranks:
        return None
    earlier = (unit for member, units in members.items() if rollout.rank(member) < min(ranks) for unit in units)
    return Stage(min(ranks), next((unit for unit in earlier if not unit.available and not unit.spare), None))
