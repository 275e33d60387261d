"""What a system's workflow, and its operations, carry from run to run. Every field has a default: newer code reads older runs."""

import json
from typing import Any

from pydantic import Field

from activities.messages import Message, Observation, Order, Ref
from workflows.clock import Clock
from workflows.pacing import Pace
from workflows.requests import Accepted, Operation, OperationKind, Outcome, Revised

ANSWERS_KEPT = 500
CAUSES_KEPT, LONGEST_CAUSE = 10, 400


class Patience(Message):
    """How long a system's workflow waits when nothing happens, in seconds."""

    healthy_s: float = 900.0
    """Before it looks at a system that is as declared."""
    check_s: float = 120.0
    """Before it asks whether its operation still runs."""
    undeclared_s: float = 60.0
    """For a first manifest that is accepted."""


class Progress(Message):
    """What a driver knows."""

    order: Order
    pace: Pace = Pace()
    steps: int = 0
    """Activities started so far: a part of their ids."""
    seen: Observation = Observation()
    clock: Clock = Clock()
    reason: str = ""
    """Of its last step."""
    first: str = ""
    """What that waited for, by name."""
    reason_since: str = ""
    """When that began to be the reason, RFC 3339."""
    problems: dict[str, str] = Field(default_factory=dict)
    """Activity -> why it last failed or was refused."""


class OperationInput(Message):
    """All that an operation is."""

    progress: Progress
    manifest: dict[str, object] = Field(default_factory=dict)
    kind: OperationKind
    causes: tuple[str, ...] = ()
    system: str
    """Workflow id of the system it works for."""


class Unshown(Message):
    """A change that the custom resource may not show yet."""

    generation: int
    back: dict[str, object]
    """The merge patch that takes it back."""


class SystemState(Message):
    """All that a system is."""

    ref: Ref
    patience: Patience = Patience()
    manifest: dict[str, object] = Field(default_factory=dict)
    """As last accepted; empty before the first."""
    previous: dict[str, object] = Field(default_factory=dict)
    """The manifest with the template before this one: what undo goes back to."""
    history: tuple[Revised, ...] = ()
    """Revisions, oldest first; the last is the one that is wanted."""
    uid: str = ""
    """Of the custom resource that the manifest was read from; empty where it came another way."""
    brief: bool = False
    """What is mended within seconds is not told to those who search. Not so in runs that began before there was this rule."""
    revision: str = ""
    edition: str = ""
    approved: int = 0
    """Holds of this revision's rollout that it was told to pass."""
    failed: str = ""
    """Why this revision's rollout got no further in time; it holds until somebody decides."""
    whole: str = ""
    """The last revision that was complete."""
    complete: dict[str, object] = Field(default_factory=dict)
    """Its manifest, once there is a newer one."""
    given_up: str = ""
    """The revision that was rolled back, until there is another template."""
    rolled_back: str = ""
    """Why."""
    scaled: dict[str, int] = Field(default_factory=dict)
    """Counts set at runtime."""
    unshown: tuple[Unshown, ...] = ()
    """What was accepted since the custom resource was last edited, oldest first."""
    moves: dict[str, str] = Field(default_factory=dict)
    """Slot -> the node that its pod is to move to; any other change ends that."""
    pardon: int = 0
    """How often it was told to try again what failed too often."""
    generation: int = 0
    settled: int = 0
    """The last generation that was brought about."""
    change: OperationKind | None = None
    """The operation that brings about what is not settled yet; None: it can be done in passing."""
    causes: tuple[str, ...] = ()
    """Of what no operation was told of yet."""
    answers: dict[str, Accepted] = Field(default_factory=dict)
    """Kind and id of a request -> answer, oldest first."""
    operation: Operation | None = None
    told: int = 0
    """The last generation that the operation was told of."""
    deleting: bool = False
    counter: int = 0
    """Operations so far."""
    last: Outcome | None = None
    progress: Progress | None = None
    kept_schedules: str = ""
    """What the manifest said of schedules when they were last made so; JSON."""
    schedule_problem: str = ""
    """Why that could not be done for all of them."""
    phase: str = ""
    since: str = ""
    nudged: bool = False

    @property
    def kind(self) -> str:
        """Of the object that declares it."""
        return str(self.manifest.get("kind") or "InferenceSystem")

    @property
    def declared(self) -> bool:
        """There is a system at all."""
        return bool(self.manifest)

    @property
    def schedules(self) -> str:
        """What the manifest says of schedules, as canonical JSON; empty when it declares none."""
        spec: Any = self.manifest.get("spec", {})
        found: Any = spec.get("scaling", {}).get("schedules")
        return json.dumps(found, sort_keys=True) if found else ""

    @property
    def rules(self) -> object:
        """What the manifest says of rollouts."""
        spec: Any = self.manifest.get("spec", {})
        return spec.get("rollout")

    @property
    def rolls(self) -> bool:
        """Its revision is newer than the last that was complete."""
        return bool(self.whole) and self.whole != self.revision

    @property
    def untold(self) -> bool:
        """There is news for the operation."""
        return self.told < self.generation

    @property
    def torn_down(self) -> bool:
        """Nothing is left of it, and nothing more is asked."""
        return self.deleting and self.settled >= self.generation and self.operation is None

    @property
    def due(self) -> OperationKind | None:
        """The operation that what is wanted calls for."""
        if self.settled >= self.generation:
            return None
        return "Teardown" if self.deleting else "Startup" if self.settled == 0 else self.change

    def next(self, cause: str, change: OperationKind | None) -> "SystemState":
        """One generation on."""
        causes = (*self.causes, cause[:LONGEST_CAUSE])[-CAUSES_KEPT:]
        return self.model_copy(update={"generation": self.generation + 1, "causes": causes, "change": change or self.change})

    def calling(self, change: OperationKind) -> "SystemState":
        """The same, brought about by this operation."""
        return self.model_copy(update={"change": change})

    def in_phase(self, phase: str, now: str) -> "SystemState":
        """In this phase; since now, unless it was in it before."""
        return self if phase == self.phase else self.model_copy(update={"phase": phase, "since": now})

    def taken_back(self) -> "SystemState":
        """To be torn down, because its object was deleted."""
        return self.model_copy(update={"deleting": True}).next("its object was deleted in the cluster", "Teardown")

    def answered(self, request_id: str, answer: Accepted) -> "SystemState":
        """With one more answer remembered, and the oldest forgotten."""
        answers = {**self.answers, request_id: answer}
        return self.model_copy(update={"answers": dict(list(answers.items())[-ANSWERS_KEPT:])})

    def begun(self, operation: Operation) -> "SystemState":
        """With an operation that was told all."""
        update = {"operation": operation, "told": self.generation, "counter": self.counter + 1, "causes": ()}
        return self.model_copy(update=update)

    def retold(self) -> "SystemState":
        """Its operation was told all."""
        assert self.operation is not None
        causes = (*self.operation.causes, *self.causes)[-CAUSES_KEPT:]
        operation = self.operation.model_copy(update={"causes": causes})
        return self.model_copy(update={"operation": operation, "told": self.generation, "causes": ()})

    def ended(self, outcome: Outcome) -> "SystemState":
        """Without an operation any more."""
        after = self.model_copy(update={"operation": None, "last": outcome})
        if outcome.overtaken:
            return after.beyond(outcome.seen.recorded)
        return after.settled_at(outcome.generation) if outcome.ok else after

    def settled_at(self, generation: int) -> "SystemState":
        """This generation is as declared."""
        if generation < self.generation:
            return self.model_copy(update={"settled": max(generation, self.settled)})
        done: dict[str, object] = {
            "settled": generation,
            "change": None,
            "causes": (),
            "whole": self.revision,
            "failed": "",
            "moves": {},
        }
        return self.model_copy(update=done)

    def beyond(self, recorded: int) -> "SystemState":
        """With a generation that is newer than what the cluster records: an earlier workflow of the same system wrote that."""
        generation = max(recorded, self.generation)
        told = f"takes over a system that the cluster has at generation {generation}"
        return self.model_copy(update={"generation": generation}).next(told, self.change)
