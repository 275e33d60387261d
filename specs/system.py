"""InferenceSystem: one declared inference system, as the user writes it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from specs.checks import check_members, check_talks, check_together, check_unbalanced
from specs.drain import Drain
from specs.members import MOST_REPLICAS as MOST_REPLICAS
from specs.members import Group as Group
from specs.members import Member as Member
from specs.members import Part, Strength, least_of
from specs.members import Place as Place
from specs.members import Replicas as Replicas
from specs.members import Role as Role
from specs.members import Spread as Spread
from specs.members import Start as Start
from specs.members import pods_of as pods_of
from specs.recovery import Recovery
from specs.rollout import Rollout, Unit
from specs.scaling import Scaling, check_scaling
from specs.strict import STORED, Level, Name, Resource, Spec, Stored, did_you_mean
from specs.warm_up import WarmUp

MOST_PODS = 100_000
"""Of one system. More belongs into several systems: one object of the API server must be able to speak of them."""


MOST_GANG_PODS = 5_000
"""Of one gang: its demand and its answer are one object of the API server, which ends at 1.5 MB."""


class Together(Spec):
    """Replicas of several members that share a domain, in a ratio: one prefill with two decodes in every rack."""

    members: Annotated[tuple[Name, ...], Field(min_length=2, max_length=8)]
    """Members of the system, at its top, that go together."""
    within: Level
    """Level of the fabric that one set shares a domain of."""
    ratio: Mapping[Name, Annotated[int, Field(strict=True, ge=1, le=MOST_REPLICAS)]] = Field(default_factory=dict)
    """Replicas (or pods) of each member in one set; one each when left out."""

    def share(self, member: str) -> int:
        """Replicas of a member in one set."""
        return self.ratio.get(member, 1)


class Talk(Spec):
    """Two roles or groups that talk: they are put near each other, those that say most first."""

    between: Annotated[tuple[Part, ...], Field(min_length=2, max_length=2)]
    """Paths of two roles or groups, such as prefill/worker; twice the same for what its own pods say to each other."""
    weight: Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
    """How much each pod of the one says to each of the other, in bytes a second by any unit: one in which any other two say 1."""


class Apart(Spec):
    """Other systems that this one shares no domain with, so that no one failure takes both."""

    systems: Annotated[tuple[Name, ...], Field(min_length=1, max_length=16)]
    """Their names, in the same namespace. It holds whichever of them comes first; what runs already stays."""
    over: Level
    """Level of the fabric whose domains they do not share, such as rack or zone."""
    strength: Strength = "preferred"
    """required: waits rather than share one. preferred: shares one only where there is no other room."""


class SystemSpec(Stored):
    """What is wanted."""

    left_open = ("replicas",)

    replicas: Replicas = Field(1, json_schema_extra=STORED)
    """Copies, each complete in itself."""
    priority: int = Field(0, strict=True, ge=-1_000_000_000, le=1_000_000_000)
    """Who goes first where room is short, among systems whose pods have PriorityClasses of equal value: higher before lower."""
    start: Start = "anyOrder"
    """anyOrder, inOrder (each member after the one above it), or explicit (by `after`)."""
    place: Place = Place()
    """Of each copy; `spread` keeps copies apart."""
    place_all: Place = Place()
    """Of the system as a whole, all copies."""
    evictable: bool = True
    """false: node autoscalers are to move none of its pods to save nodes; each pod is annotated so."""
    services: Literal["headless", "none"] = "headless"
    """headless: one headless Service per copy, which gives every pod a stable DNS name."""
    members: Annotated[tuple[Member, ...], Field(min_length=1, max_length=32)]
    """The roles and groups that one copy is made of."""
    together: Annotated[tuple[Together, ...], Field(max_length=16)] = ()
    """Members whose replicas go together, set by set."""
    talks: Annotated[tuple[Talk, ...], Field(max_length=32)] = ()
    """Who says more, or less, to whom than others do. Of two that name the same roles the later one counts."""
    apart: Annotated[tuple[Apart, ...], Field(max_length=16)] = ()
    """Systems that this one is kept apart from."""
    scaling: Scaling = Scaling()
    """How counts change by themselves, and how far they may go."""
    rollout: Rollout = Rollout()
    """How a new template reaches what runs already."""
    recovery: Recovery = Recovery()
    """What is done about pods that are lost."""
    warm_up: WarmUp | None = None
    """What is fetched on a node before pods start there; nothing, when left out."""
    drain: Drain | None = None
    """What a pod that serves is asked before it goes; it is not asked, when left out."""

    @property
    def unit(self) -> Unit:
        """What a rollout replaces as a whole: partners change together, unless it is said otherwise."""
        return self.rollout.unit or ("set" if self.together else "group")

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        check_members(self.members, self.start, self.place)
        for rule in self.together:
            check_together(rule.members, rule.ratio, self.members)
        check_talks((name for talk in self.talks for name in talk.between), self.members)
        check_scaling(self.scaling, self.replicas, self.members)
        if self.rollout.unit == "set" and not self.together:
            raise ValueError("rollout.unit is set, and no members go together; say which do in spec.together, or use group")
        self._check_rollout()
        self._check_whole()
        return self

    def _check_rollout(self) -> None:
        known = [member.name for member in self.members]
        said = {"maxUnavailableOf": self.rollout.max_unavailable_of, "order": self.rollout.order}
        for field, name in ((field, name) for field, names in said.items() for name in names):
            if name not in known:
                near = did_you_mean(name, known) or f"; there is {', '.join(known)}"
                raise ValueError(f"rollout.{field} names {name!r}, which is no role or group at the top{near}")

    def _check_whole(self) -> None:
        paired = [name for rule in self.together for name in rule.members]
        for name in paired:
            if paired.count(name) > 1:
                raise ValueError(f"{name!r} is named twice in together; let one rule name all that go together")
        check_unbalanced(self.place_all, "placeAll")
        if self.place_all.spread:
            raise ValueError("placeAll.spread has nothing to keep apart; to keep copies apart use place.spread")
        if self.place_all.prefer:
            raise ValueError("placeAll.prefer is not honoured: copies are placed one by one; use placeAll.within or place.prefer")
        if pods_of(self.members) == 0:
            raise ValueError("a copy has no pods; give at least one role replicas of 1 or more")
        if (gang := least_of(self.members)) > MOST_GANG_PODS:
            remedy = "lower minAvailable, so that some of them may start later"
            raise ValueError(f"{gang:,} pods of a copy must start together, and {MOST_GANG_PODS:,} is the limit; {remedy}")
        if (total := self.replicas * pods_of(self.members)) > MOST_PODS:
            raise ValueError(f"that makes {total:,} pods, and a system may have {MOST_PODS:,}; declare several systems")


class Metadata(Spec):
    """The part of Kubernetes' metadata that a manifest states; what a server adds is accepted and left alone."""

    model_config = ConfigDict(extra="ignore")

    name: Name
    namespace: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)] = "default"
    labels: Mapping[str, str] = Field(default_factory=dict)
    annotations: Mapping[str, str] = Field(default_factory=dict)


class InferenceSystem(Resource):
    """One manifest."""

    api_version: Literal["espalier.dev/v1alpha1"] = "espalier.dev/v1alpha1"
    kind: Literal["InferenceSystem"] = "InferenceSystem"
    metadata: Metadata
    spec: SystemSpec

    @model_validator(mode="after")
    def _is_apart_from_others(self) -> Self:
        if any(self.metadata.name in rule.systems for rule in self.spec.apart):
            raise ValueError("apart names the system itself; to keep its copies apart use place.spread, or name other systems")
        return self

    @property
    def said(self) -> Mapping[str, str]:
        """Annotations that are part of what is declared."""
        return {}

    def written(self) -> dict[str, Any]:
        """What the user wrote, always in the same form, with the defaults that the API server adds to what it stores."""
        stated = self.stated()
        return {**stated, "spec": {"replicas": self.spec.replicas, **stated["spec"]}}

    def stated(self) -> dict[str, Any]:
        """The same, without copies where the user left them out: they stay as they are then, whoever has set them."""
        stated: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return {"apiVersion": self.api_version, "kind": self.kind, **stated}
