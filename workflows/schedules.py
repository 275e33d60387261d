"""`Schedules`: counts that change by the clock. Each is a Temporal Schedule that starts a ScheduledScale.

Needs Temporal alone, as `Systems` does.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Self, TypeVar

from temporalio.client import Client, ScheduleAlreadyRunningError, ScheduleDescription, ScheduleHandle, WorkflowFailureError
from temporalio.service import RPCError, RPCStatusCode

from activities.messages import Ref
from specs.strict import did_you_mean
from workflows.client import RPC_TIMEOUT, Systems
from workflows.insisting import innermost
from workflows.requests import Accepted
from workflows.timetables import CRON, DECLARED, Timetable, is_schedule_id, prefix, read, runs_of, schedule_id, to_temporal
from workflows.visibility import attributes
from workflows.wiring import DATA_CONVERTER

LISTED_TIMEOUT_S, RUN_TIMEOUT_S, POLL_S = 10.0, 30.0, 0.05
ASKED_AT_ONCE = 8

STILL_AT_WORK = "its last run is still at work, and this one was skipped; is a worker running? Start one with: espalier worker"

T = TypeVar("T")


class CannotSchedule(ValueError):
    """Refused; the message ends with what to do."""


class Schedules:
    """The schedules of one cluster's systems.

    Raises `CannotSchedule` for what is refused, `RPCError` when Temporal does not answer, TimeoutError when no worker does.
    """

    def __init__(self, client: Client, cluster: str = "default", who: str = "") -> None:
        self._client = client
        self._cluster = cluster
        self._who = who

    @classmethod
    async def connect(cls, address: str, cluster: str = "default", who: str = "", namespace: str = "default") -> Self:
        """To a Temporal server, `host:port`; `namespace` is Temporal's."""
        return cls(await Client.connect(address, namespace=namespace, data_converter=DATA_CONVERTER), cluster, who)

    def ref(self, namespace: str, name: str) -> Ref:
        """The address of a system."""
        return Ref(cluster=self._cluster, namespace=namespace, name=name)

    async def add(self, wanted: Timetable) -> Timetable:
        """Make a schedule. It is listed when this returns, so that whoever deletes its system later finds it."""
        scheduled = wanted.scheduled
        await self._check_system(scheduled.ref, scheduled.counts)
        handle = await self.create(wanted)
        try:
            async with asyncio.timeout(LISTED_TIMEOUT_S):
                await self._until_listed(scheduled.ref, handle.id)
            await self._check_system(scheduled.ref)  # it may have been deleted since, before there was a schedule to find
        except BaseException:
            await handle.delete(rpc_timeout=RPC_TIMEOUT)
            raise
        return await read(self._client, await handle.describe(rpc_timeout=RPC_TIMEOUT))

    async def create(self, wanted: Timetable) -> ScheduleHandle:
        """Make a schedule, whether there is its system or not."""
        ref, name = wanted.scheduled.ref, wanted.scheduled.name
        try:
            return await self._client.create_schedule(
                schedule_id(ref, name),
                to_temporal(wanted),
                memo={CRON: wanted.cron, "set": wanted.scheduled.words, **({DECLARED: True} if wanted.declared else {})},
                search_attributes=attributes(ref, "", wanted.scheduled.who),
                rpc_timeout=RPC_TIMEOUT,
            )
        except ScheduleAlreadyRunningError:
            remedy = f"choose another name, or first: espalier schedule remove {ref.name} {name}"
            raise CannotSchedule(f"{ref.namespace}/{ref.name} has a schedule {name!r} already; {remedy}") from None
        except RPCError as error:
            if error.status is not RPCStatusCode.INVALID_ARGUMENT:
                raise
            said = str(error).removeprefix("Invalid schedule spec: ")
            raise CannotSchedule(f"Temporal does not take this schedule: {said}; correct its cron or time zone") from None

    async def list(self, namespace: str = "", name: str = "") -> Sequence[Timetable]:
        """Those of one system, of one namespace, or of the whole cluster."""
        limit = asyncio.Semaphore(ASKED_AT_ONCE)

        async def found(each: str) -> Timetable | None:
            async with limit:
                return await self._found(each)

        ids = sorted([each async for each in self._ids(namespace, name)])
        return [each for each in await asyncio.gather(*map(found, ids)) if each is not None]

    async def keep(self, ref: Ref, wanted: Sequence[Timetable]) -> Sequence[str]:
        """Make those that a manifest declares be as it says, and no others of its; returns a sentence for each that can't be."""
        names = {each.scheduled.name for each in wanted}
        for found in await self.list(ref.namespace, ref.name):
            if found.declared and found.scheduled.name not in names:
                await self._client.get_schedule_handle(schedule_id(ref, found.scheduled.name)).delete(rpc_timeout=RPC_TIMEOUT)
        return [problem for each in wanted if (problem := await self._kept(ref, each))]

    async def pause(self, ref: Ref, name: str) -> None:
        """No more runs, until resumed."""
        await self._do(ref, name, lambda handle: handle.pause(note=f"paused by {self._who}", rpc_timeout=RPC_TIMEOUT))

    async def resume(self, ref: Ref, name: str) -> None:
        """Run at its times again. What was due meanwhile is not made up for."""
        await self._do(ref, name, lambda handle: handle.unpause(note=f"resumed by {self._who}", rpc_timeout=RPC_TIMEOUT))

    async def remove(self, ref: Ref, name: str) -> None:
        """Forget it. What it has set stays."""
        found = await self._found(schedule_id(ref, name))
        if found is not None and found.declared:
            raise CannotSchedule(
                f"schedule {name!r} is declared in the manifest of {ref.name}; take it out there, and apply that"
            )
        await self._do(ref, name, lambda handle: handle.delete(rpc_timeout=RPC_TIMEOUT))

    async def run(self, ref: Ref, name: str) -> Accepted:
        """Run it now, paused or not, and wait for the answer. Raises `CannotSchedule` with what the run failed with."""
        handle = self._client.get_schedule_handle(schedule_id(ref, name))
        before = await self._do(ref, name, lambda handle: handle.describe(rpc_timeout=RPC_TIMEOUT))
        await handle.trigger(rpc_timeout=RPC_TIMEOUT)
        async with asyncio.timeout(RUN_TIMEOUT_S):
            workflow_id, run_id = await self._until_started(handle, before)
            run = self._client.get_workflow_handle(workflow_id, run_id=run_id, result_type=Accepted)
            try:
                answer: Accepted = await run.result()
            except WorkflowFailureError as failure:
                raise CannotSchedule(innermost(failure)) from failure
        return answer

    async def clear(self, namespace: str, name: str) -> int:
        """Remove every schedule of a system; returns how many there were. Safe to repeat."""
        found = [each async for each in self._ids(namespace, name)]
        for each in found:
            try:
                await self._client.get_schedule_handle(each).delete(rpc_timeout=RPC_TIMEOUT)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
        return len(found)

    async def _kept(self, ref: Ref, wanted: Timetable) -> str:
        name = wanted.scheduled.name
        found = await self._found(schedule_id(ref, name))
        if found is not None and not found.declared:
            remedy = f"rename one, or first: espalier schedule remove {ref.name} {name}"
            return f"schedule {name!r} was added by hand, and the manifest declares one of that name; {remedy}"
        if found is not None and found.same == wanted.same:
            return ""
        if found is not None:
            await self._client.get_schedule_handle(schedule_id(ref, name)).delete(rpc_timeout=RPC_TIMEOUT)
        try:
            await self.create(wanted)
        except CannotSchedule as refusal:
            return str(refusal)
        return ""

    async def _check_system(self, ref: Ref, counts: dict[str, int] | None = None) -> None:
        systems = Systems(self._client, self._cluster, self._who)
        phase = await _phase(systems, ref)
        if phase == "Deleted":
            raise CannotSchedule(f"there is no system {ref.namespace}/{ref.name}; apply it first")
        if phase == "Deleting":
            raise CannotSchedule(f"{ref.namespace}/{ref.name} is being deleted; apply it again once it is gone")
        if counts and (refusal := await systems.why_not(ref.namespace, ref.name, counts)):
            raise CannotSchedule(refusal)

    async def _until_listed(self, ref: Ref, wanted: str) -> None:
        while wanted not in [each async for each in self._ids(ref.namespace, ref.name)]:  # noqa: ASYNC110 - Temporal is asked
            await asyncio.sleep(POLL_S)

    async def _until_started(self, handle: ScheduleHandle, before: ScheduleDescription) -> tuple[str, str]:
        known, skipped = {run_id for _, run_id in runs_of(before)}, before.info.num_actions_skipped_overlap
        while True:
            found = await handle.describe(rpc_timeout=RPC_TIMEOUT)
            new = [(ran.workflow_id, run_id) for ran, run_id in runs_of(found) if run_id not in known]
            if new:
                return new[-1]
            if found.info.num_actions_skipped_overlap > skipped:
                raise CannotSchedule(STILL_AT_WORK)
            await asyncio.sleep(POLL_S)

    async def _do(self, ref: Ref, name: str, what: Callable[[ScheduleHandle], Awaitable[T]]) -> T:
        try:
            return await what(self._client.get_schedule_handle(schedule_id(ref, name)))
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        known = [each.rpartition("/")[2] async for each in self._ids(ref.namespace, ref.name)]
        remedy = did_you_mean(name, known) or f"; list them with: espalier schedule list {ref.name}"
        raise CannotSchedule(f"{ref.namespace}/{ref.name} has no schedule {name!r}{remedy}")

    async def _ids(self, namespace: str, name: str) -> AsyncIterator[str]:
        starts = prefix(self._cluster, namespace, name)
        query = f"ScheduleId STARTS_WITH '{starts.replace(chr(39), '')}'"
        async for each in await self._client.list_schedules(query=query):
            if is_schedule_id(each.id):
                yield each.id

    async def _found(self, each: str) -> Timetable | None:
        """None for what was removed meanwhile, or starts something else."""
        try:
            return await read(self._client, await self._client.get_schedule_handle(each).describe(rpc_timeout=RPC_TIMEOUT))
        except LookupError:
            return None
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise


async def _phase(systems: Systems, ref: Ref) -> str:
    try:
        return (await systems.status(ref.namespace, ref.name)).phase
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return "Deleted"
        raise
