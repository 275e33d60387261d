"""A fake of the whole door to Temporal, and systems as it may have them."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime

from temporalio.service import RPCError, RPCStatusCode

from activities.messages import Deviant, Observation, OnGpus, Ref, Wait
from specs.system import InferenceSystem
from workers.settings import Settings
from workflows.requests import Accepted, Operation, Outcome, Scheduled, Status
from workflows.timetables import Ran, Timetable

READY = Status(
    name="llama", namespace="default", phase="Ready", generation=1, message="2 of 2 copies are ready", counts={"copies": 2},
    seen=Observation(exists=True, roles={"router": {"ready": 2}, "decode/worker": {"ready": 16}}, copies=2, ready_copies=2),
)  # fmt: skip
STARTING = READY.model_copy(update={
    "phase": "Starting",
    "message": "starts in order",
    "operation": Operation(id="isys/default/default/llama/1", kind="Startup", causes=("applied by alice",)),
    "seen": Observation(exists=True, roles={"router": {"ready": 2}, "decode/worker": {"ready": 3, "starting": 5, "held": 8}}),
})  # fmt: skip
DEGRADED = READY.model_copy(update={"phase": "Degraded", "message": "exceeded quota: pods"})
WAITING = READY.model_copy(update={
    "phase": "Waiting", "reason": "NoRoom", "message": "no rack has room for decode",
    "seen": Observation(
        exists=True, waiting=2, roles={"router": {"ready": 2}, "decode/worker": {"waiting": 16}},
        waits=(Wait(reason="NoRoom", message="needs 32 GPUs in one rack; free 14 more in rack-3", gangs=2, first="llama-0"),),
        deviants=(Deviant(slot="0/router/1", pod="llama-0-router-1", node="n7", state="refused", message="untolerated taint"),),
    ),
    "last": Outcome(id="x", kind="Scale", ok=False, message="took too long"),
})  # fmt: skip
SHARING = READY.model_copy(update={
    "seen": READY.seen.model_copy(update={"gpus": (OnGpus(pod="llama-0-router-1", node="n7", gpus="0,3"),)}),
})  # fmt: skip
NIGHT = Timetable(
    scheduled=Scheduled(ref=Ref(namespace="default", name="llama"), name="night", counts={"decode": 8}), cron="0 22 * * *",
    time_zone="Europe/Berlin", next=(datetime(2027, 3, 27, 21, tzinfo=UTC), datetime(2027, 3, 28, 20, tzinfo=UTC)),
)  # fmt: skip
RAN = Ran(due=datetime(2027, 3, 26, 21, tzinfo=UTC), workflow_id="x", outcome="Failed", message="decode can't be 8")


class FakeSchedules:
    """Remembers what was asked; has one schedule."""

    def __init__(self, systems: "FakeSystems") -> None:
        self.found = [NIGHT]
        self._systems = systems

    async def add(self, wanted: Timetable) -> Timetable:
        self._asked("add", wanted)
        return wanted.model_copy(update={"next": NIGHT.next})

    async def list(self, namespace: str, name: str) -> Sequence[Timetable]:
        return [each for each in self.found if name in ("", each.scheduled.ref.name)]

    async def run(self, ref: Ref, name: str) -> Accepted:
        self._asked("run", ref, name)
        return Accepted(generation=2, message="decode=8 is wanted now, as generation 2")

    async def pause(self, ref: Ref, name: str) -> None:
        self._asked("pause", ref, name)

    async def resume(self, ref: Ref, name: str) -> None:
        self._asked("resume", ref, name)

    async def remove(self, ref: Ref, name: str) -> None:
        self._asked("remove", ref, name)

    def _asked(self, *asked: object) -> None:
        if self._systems.refuse:
            raise self._systems.refuse
        self._systems.asked.append(asked)


class FakeSystems:
    """Answers from a script; remembers what was asked. The last status of a system is repeated for ever."""

    def __init__(self, statuses: Mapping[str, list[Status]] | None = None, refuse: Exception | None = None) -> None:
        self.script = dict(statuses or {})
        self.refuse = refuse
        self.missing: list[str] = []
        self.asked: list[tuple[object, ...]] = []
        self.schedules = FakeSchedules(self)

    def ref(self, namespace: str, name: str) -> Ref:
        return Ref(namespace=namespace, name=name)

    async def apply(self, system: InferenceSystem) -> Accepted:
        return self._answer("apply", system.metadata.namespace, system.metadata.name)

    async def scale(self, namespace: str, name: str, counts: Mapping[str, int]) -> Accepted:
        return self._answer("scale", namespace, name, dict(counts))

    async def delete(self, namespace: str, name: str) -> Accepted:
        return self._answer("delete", namespace, name)

    async def status(self, namespace: str, name: str) -> Status:
        script = self.script.get(name)
        if not script:
            raise RPCError("workflow not found", RPCStatusCode.NOT_FOUND, b"")
        return script.pop(0) if len(script) > 1 else script[0]

    async def list(self, namespace: str | None) -> list[Status]:
        return [script[0] for script in self.script.values() if namespace in (None, script[0].namespace)]

    async def troubles(self, status: Status) -> Sequence[str]:
        return self.missing

    def _answer(self, *asked: object) -> Accepted:
        if self.refuse:
            raise self.refuse
        self.asked.append(asked)
        return Accepted(generation=1)


def opened(fake: FakeSystems) -> Callable[[Settings], AbstractAsyncContextManager[FakeSystems]]:
    """A stand-in for `desk.systems`."""

    @asynccontextmanager
    async def systems(_settings: Settings) -> AsyncGenerator[FakeSystems]:
        yield fake

    return systems
