"""How a new template reaches what runs already."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from specs.durations import Duration, seconds_of
from specs.members import MOST_REPLICAS, Replicas
from specs.strict import Name, Spec

Unit = Literal["copy", "set", "group", "pod"]
Amount = Annotated[int, Field(strict=True, ge=1, le=MOST_REPLICAS)] | Annotated[str, Field(pattern=r"^([1-9][0-9]?|100)%$")]


Share = Annotated[int, Field(strict=True, ge=0, le=MOST_REPLICAS)] | Annotated[str, Field(pattern=r"^(0|[1-9][0-9]?|100)%$")]
Rank = Annotated[int, Field(strict=True, ge=0, le=1_000)]
LAST = 1_001
START = 0
"""Number of the hold before the first unit, of rollouts that need an approval; those of `pause_after` follow."""


class Rollout(Spec):
    """Units are replaced one after the other, each as a whole, in the places that they have."""

    strategy: Literal["rolling", "onDelete"] = "rolling"
    """onDelete: nothing is replaced; a pod that goes comes back of the newest template, and the other rules are of no account."""
    unit: Unit | None = None
    """What is replaced as a whole: a copy; a set of those that go `together` (and what is in none as with group); a replica of a
    group (and each pod of a role by itself); or each pod by itself. When left out: set where members go together, else group."""
    max_unavailable: Share = 1
    """Units of one role or group, over all copies, that may be unavailable at once, for whatever reason; 1, or 25%."""
    max_unavailable_of: Annotated[Mapping[Name, Amount], Field(max_length=32)] = Field(default_factory=dict[str, int | str])
    """The same for roles and groups at the top that it is not to be the same for: {decode: 2}. Of a set the lowest holds."""
    order: Annotated[Mapping[Name, Rank], Field(max_length=32)] = Field(default_factory=dict[str, int])
    """Roles and groups at the top that are updated before others: {prefill: 1, decode: 2}. Lower numbers first, equal ones
    together, those without one last; the next are begun once all of those before are updated and available."""
    by_copy: bool = False
    """One copy after the other: the next is begun once those before are whole. What is broken anyway does not wait."""
    partition: Replicas = 0
    """Units with a lower index stay as they are."""
    max_surge: Share = 0
    """Units of one role, group or kind of set that are added for the time of the rollout, where there is room; 1, or 25%."""
    min_ready_seconds: Annotated[int, Field(strict=True, ge=0, le=86_400)] = 0
    """A unit counts as available once all its pods have been Ready for so long without a break."""
    paused: bool = False
    """No further unit is replaced; what is lost meanwhile comes back as it was."""

    pause_after: Annotated[tuple[Amount, ...], Field(max_length=16)] = ()
    """Updated units of each role or group, after which it holds until it is told to go on: 1, then 25%."""
    approval: Literal["none", "manual"] = "none"
    """manual: nothing is replaced, and no hold of pauseAfter passed, before somebody approves it."""

    max_skew: Amount | None = None
    """How far the roles and groups that change may be apart: so many units, while all of them still do; or, as 25%, such a share
    of the units of each, to the end, and one unit where that is more. When left out: any."""
    progress_deadline: Duration | None = None
    """How long no further unit may become available before the rollout has failed: 10m. Time that it waits for room with
    no updated unit out, for somebody, or is paused does not count. When left out: any time."""
    on_failure: Literal["pause", "rollback"] = "pause"
    """What follows then: it holds until somebody decides; or it goes back to the last revision that was complete."""
    in_place: bool = False
    """Units in which only images, labels and annotations changed are changed where they run: their containers restart, their
    pods stay. All other changes make them anew."""
    revision_services: bool = False
    """A headless Service for each revision that there are pods of, for routers that must not mix them."""

    @property
    def deadline_s(self) -> float | None:
        """Seconds."""
        return seconds_of(self.progress_deadline) if self.progress_deadline else None

    def holds_after(self, passed: int, units: int) -> int | None:
        """How many of so many units it updates until it holds next, when so many holds were passed; None: all."""
        if passed <= START and self.approval == "manual":
            return 0
        following = self.pause_after[max(passed, 1) - 1 :]
        return max(1, part_of(following[0], units)) if following else None

    def allowed(self, units: int, member: str = "") -> int:
        """How many of so many units of a role or group may be unavailable; one at least, or nothing would ever change."""
        said = [self.max_unavailable_of[name] for name in member.split("+") if name in self.max_unavailable_of]
        return max(0 if self.surges else 1, min(part_of(each, units) for each in said or [self.max_unavailable]))

    def rank(self, member: str) -> int:
        """The number of a role or group, or of a set of them such as `prefill+decode`: the lowest of its members'."""
        return min((self.order.get(name, LAST) for name in member.split("+")), default=LAST)

    @property
    def surges(self) -> bool:
        """Units are added for its time."""
        return self.max_surge not in (0, "0%")

    def surge(self, units: int) -> int:
        """How many are added to so many units; a share is rounded up."""
        return self.max_surge if isinstance(self.max_surge, int) else -(-units * int(self.max_surge.removesuffix("%")) // 100)

    @model_validator(mode="after")
    def _can_go_on(self) -> Self:
        if self.max_unavailable in (0, "0%") and not self.surges:
            raise ValueError(
                "maxUnavailable is 0 and so is maxSurge, so nothing could ever be updated; give one of them 1 or more"
            )
        if self.in_place and self.strategy == "onDelete":
            raise ValueError("with strategy onDelete nothing is changed, so inPlace has nothing to do; leave one of them out")
        if self.order and self.unit == "copy":
            raise ValueError("with unit copy all roles of a copy change together, so order has nothing to order; leave one out")
        if self.surges and (self.unit == "pod" or self.partition):
            raise ValueError(
                "maxSurge adds whole copies, sets, or replicas of groups and roles; use unit copy, set or group, and no partition"
            )
        return self


def part_of(amount: int | str, units: int) -> int:
    """A number, or a share of so many units, rounded down."""
    return amount if isinstance(amount, int) else units * int(amount.removesuffix("%")) // 100
