"""The operations, from Startup to Teardown: thin names on one driver, and what to look for in the Temporal UI."""

from datetime import timedelta

from temporalio import workflow

from activities.messages import WORKFLOW_QUEUE
from workflows.calling import HEARTBEAT, RETRY
from workflows.operating import Operating
from workflows.requests import EVACUATION, RECOVERY, RELOCATION, REMOVE_SCHEDULES, ROLLOUT, SCALE, STARTUP, TEARDOWN, Outcome
from workflows.state import OperationInput

SCHEDULES_GO_TOO = "schedules-go-too"
"""Patch: teardowns that began before there were schedules go on without this step."""
REMOVE_TIMEOUT, REMOVE_GIVE_UP = timedelta(seconds=15), timedelta(minutes=10)


@workflow.defn(name=STARTUP)
class Startup(Operating):
    """From declared to running, in order."""

    @workflow.init
    def __init__(self, given: OperationInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: OperationInput) -> Outcome:
        return await self.work()


@workflow.defn(name=SCALE)
class Scale(Operating):
    """To new counts."""

    @workflow.init
    def __init__(self, given: OperationInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: OperationInput) -> Outcome:
        return await self.work()


@workflow.defn(name=ROLLOUT)
class Rollout(Operating):
    """To a new template, unit by unit."""

    @workflow.init
    def __init__(self, given: OperationInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: OperationInput) -> Outcome:
        return await self.work()


@workflow.defn(name=RECOVERY)
class Recovery(Operating):
    """Back to as declared, after more than one pod was lost."""

    @workflow.init
    def __init__(self, given: OperationInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: OperationInput) -> Outcome:
        return await self.work()


@workflow.defn(name=EVACUATION)
class Evacuation(Operating):
    """Off nodes that all are to leave, unit by unit."""

    @workflow.init
    def __init__(self, given: OperationInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: OperationInput) -> Outcome:
        return await self.work()


@workflow.defn(name=RELOCATION)
class Relocation(Operating):
    """To other nodes as a Defragmentation planned, unit by unit."""

    @workflow.init
    def __init__(self, given: OperationInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: OperationInput) -> Outcome:
        return await self.work()


@workflow.defn(name=TEARDOWN)
class Teardown(Operating):
    """Until nothing is left."""

    @workflow.init
    def __init__(self, given: OperationInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: OperationInput) -> Outcome:
        return await self.work()

    async def part(self) -> None:
        """Its schedules go last: by then those that were made just before the delete are in Temporal's lists too."""
        if self.finished and workflow.patched(SCHEDULES_GO_TOO):
            await workflow.execute_activity(
                REMOVE_SCHEDULES,
                self.ref,
                result_type=int,
                activity_id=REMOVE_SCHEDULES,
                task_queue=WORKFLOW_QUEUE,
                summary="no schedule is left behind",
                start_to_close_timeout=REMOVE_TIMEOUT,
                schedule_to_close_timeout=REMOVE_GIVE_UP,
                heartbeat_timeout=HEARTBEAT,
                retry_policy=RETRY,
            )
