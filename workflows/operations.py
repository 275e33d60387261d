"""Startup, Scale, Recovery, Teardown: thin names on one driver. The names are what an operator looks for in the Temporal UI."""

from temporalio import workflow

from workflows.operating import Operating
from workflows.requests import RECOVERY, SCALE, STARTUP, TEARDOWN, Outcome
from workflows.state import OperationInput


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


@workflow.defn(name=RECOVERY)
class Recovery(Operating):
    """Back to as declared, after more than one pod was lost."""

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
