"""How a new template reaches what runs already."""

from typing import Annotated, Literal

from pydantic import Field

from specs.members import MOST_REPLICAS, Replicas
from specs.strict import Spec

Unit = Literal["copy", "group", "pod"]
Amount = Annotated[int, Field(strict=True, ge=1, le=MOST_REPLICAS)] | Annotated[str, Field(pattern=r"^([1-9][0-9]?|100)%$")]


class Rollout(Spec):
    """Units are replaced one after the other, each as a whole, in the places that they have."""

    unit: Unit = "group"
    """What is replaced as a whole: a copy; a replica of a group (and each pod of a role by itself); or each pod by itself."""
    max_unavailable: Amount = 1
    """Units of one role or group, over all copies, that may be unavailable at once, for whatever reason; 1, or 25%."""
    partition: Replicas = 0
    """Units with a lower index stay as they are."""
    min_ready_seconds: Annotated[int, Field(strict=True, ge=0, le=86_400)] = 0
    """A unit counts as available once all its pods have been Ready for so long without a break."""
    paused: bool = False
    """No further unit is replaced; what is lost meanwhile comes back as it was."""

    def allowed(self, units: int) -> int:
        """How many of so many units may be unavailable; one at least, or nothing would ever change."""
        if isinstance(self.max_unavailable, int):
            return self.max_unavailable
        return max(1, units * int(self.max_unavailable.removesuffix("%")) // 100)
