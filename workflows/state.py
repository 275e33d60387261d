"""What a system's workflow carries from run to run, and how commands change it. Pure."""

from pydantic import Field, ValidationError

from activities.messages import Message, Observation, Order, Ref
from specs.counts import count_of, rescaled
from specs.paths import COPIES, paths
from specs.revisions import revision_hash
from specs.system import InferenceSystem
from workflows.requests import Accepted, Apply, Operation, Outcome, Scale

ANSWERS_KEPT = 500


class CannotChange(ValueError):
    """A command that can't be accepted; the message ends with what to do. `reason` is for machines."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class SystemState(Message):
    """All of it; every field has a default because newer code reads older runs."""

    ref: Ref
    manifest: dict[str, object] = Field(default_factory=dict)
    revision: str = ""
    uid: str = ""
    scaled: dict[str, int] = Field(default_factory=dict)
    """Counts set at runtime."""
    generation: int = 0
    settled: int = 0
    """The last generation that an operation brought about."""
    cause: str = ""
    """Of the newest generation."""
    answers: dict[str, Accepted] = Field(default_factory=dict)
    """Request id -> answer, oldest first."""
    operation: Operation | None = None
    told: int = 0
    """The last generation that the operation was told of."""
    deleting: bool = False
    counter: int = 0
    turns: int = 0
    last: Outcome | None = None
    seen: Observation = Observation()
    since: str = ""

    @property
    def behind(self) -> bool:
        """Something was asked that no operation has brought about."""
        return self.settled < self.generation

    @property
    def started(self) -> bool:
        """There is a system at all."""
        return bool(self.manifest)

    def order(self, watcher: str, operation: str) -> Order:
        """What is wanted now."""
        return Order(
            ref=self.ref, uid=self.uid, revision=self.revision, generation=self.generation, counts=self.counts(),
            deleting=self.deleting, watcher=watcher, operation=operation,
        )  # fmt: skip

    def counts(self) -> dict[str, int]:
        """Every path's count: what the manifest says, unless it was scaled since."""
        if not self.started:
            return {}
        spec = declared(self.manifest).spec
        return {path: count_of(spec, self.scaled, path) for path in paths(spec)} | self.scaled

    def applied(self, request: Apply) -> "SystemState":
        """The state after this manifest. Raises `CannotChange`."""
        self.check_alive()
        system = declared(request.manifest)
        revision = revision_hash(system.spec)
        if self.started and revision != self.revision:
            remedy = "delete the system and apply it anew; counts can be changed with: espalier scale"
            raise CannotChange(f"the template of a running system can't be changed yet; {remedy}", "TemplateChangeNotSupported")
        same = self.started and request.manifest == self.manifest
        scaled = {path: count for path, count in self.scaled.items() if path != COPIES or system.spec.replicas == declared(self.manifest).spec.replicas}
        changed = self.model_copy(update={"manifest": request.manifest, "revision": revision, "scaled": scaled})
        return self if same else changed._next(f"applied by {request.who or 'somebody'}")

    def rescaled(self, request: Scale) -> "SystemState":
        """The state after these counts. Raises `CannotChange`."""
        self.check_there()
        self.check_alive()
        try:
            scaled = dict(rescaled(declared(self.manifest).spec, self.scaled, request.counts))
        except (LookupError, ValueError) as error:
            raise CannotChange(str(error.args[0]), "BadCount") from error
        words = ", ".join(f"{path}={count}" for path, count in sorted(request.counts.items()))
        return self if scaled == self.scaled else self.model_copy(update={"scaled": scaled})._next(f"{words} by {request.who or 'somebody'}")

    def deleted(self, who: str) -> "SystemState":
        """The state after a delete."""
        self.check_there()
        return self if self.deleting else self.model_copy(update={"deleting": True})._next(f"deleted by {who or 'somebody'}")

    def answered(self, request_id: str, answer: Accepted) -> "SystemState":
        """With one more answer remembered, and the oldest forgotten."""
        answers = {**self.answers, request_id: answer}
        return self.model_copy(update={"answers": dict(list(answers.items())[-ANSWERS_KEPT:])})

    def check_there(self) -> None:
        """Raises `CannotChange` when nothing was ever applied."""
        if not self.started:
            raise CannotChange(f"there is no system {self.ref.name!r}; apply it first", "NotFound")

    def check_alive(self) -> None:
        """Raises `CannotChange` when it is being deleted."""
        if self.deleting:
            raise CannotChange(f"{self.ref.name!r} is being deleted; apply it again once it is gone", "Deleting")

    def _next(self, cause: str) -> "SystemState":
        return self.model_copy(update={"generation": self.generation + 1, "cause": cause})


def declared(manifest: dict[str, object]) -> InferenceSystem:
    """The manifest as a system. Raises `CannotChange` with one sentence."""
    try:
        return InferenceSystem.model_validate(manifest)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise CannotChange(f"{where}: {first['msg']}; correct the manifest and apply it again", "BadManifest") from error
