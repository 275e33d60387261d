"""Defragmentation: plans moves that let a gang in which waits, has them approved, and sees them through, gang after gang."""

import asyncio
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, WorkflowAlreadyStartedError, is_cancelled_exception

from activities.messages import WORKFLOW_QUEUE, Message, Ref, agent_queue
from activities.plans import FOLLOW_MOVES, PLAN_MOVES, FollowRequest, MovePlan, MoveRequest, MovesSeen, PlanRequest
from specs.words import counted
from workflows.calling import HEARTBEAT, LONGEST_SUMMARY, RETRY, sentence
from workflows.moving import (
    APPROVE,
    DEFRAGMENTATION,
    SCHEDULED_DEFRAGMENTATION,
    SEND_MOVES,
    STOP,
    Approve,
    Defragment,
    Defragmented,
    Stage,
    Stop,
    workflow_id,
)
from workflows.plan_page import plan_page
from workflows.requests import STATUS, TASK_TIMEOUT, Accepted
from workflows.visibility import attributes, show

MOST_ROUNDS = 50
TIMEOUT, GIVE_UP = timedelta(minutes=1), timedelta(minutes=10)
SETTLING_S = 60.0
"""After the last move, for the gang to be given its room."""
AS_APPROVED = "a-plan-within-the-approved-one"
T = TypeVar("T")


@workflow.defn(name=DEFRAGMENTATION)
class Defragmentation:
    """Handlers note what somebody says; only `run` acts. The moves themselves are Relocations of systems."""

    @workflow.init
    def __init__(self, given: Defragment) -> None:
        self._given = given
        self._status = Defragmented(message="looks for moves that let a gang in which waits")
        self._approved = ""
        self._stopped_by = ""
        self._steps = 0

    @workflow.run
    async def run(self, given: Defragment) -> Defragmented:
        try:
            await self._work(given)
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            problem = sentence(error, given.cluster)
            self._tell("Ended", problem, reason="Failed")
            raise ApplicationError(problem, type="Failed", non_retryable=True) from None
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._status

    @workflow.update(name=APPROVE)
    def approve(self, said: Approve) -> str:
        """Have the plan that waits carried out."""
        self._approved = self._status.plan.id
        return f"approved by {said.who or 'somebody'}: {gist(self._status.plan)}"

    @approve.validator
    def _check_approve(self, said: Approve) -> None:
        if self._status.stage != "Approval":
            raise ApplicationError(f"no plan waits for an approval: {self._status.message}", type="NotAsked")
        if said.plan not in ("", self._status.plan.id):
            what = f"plan {said.plan} is not the one that waits any more, which is {self._status.plan.id}"
            raise ApplicationError(f"{what}; see it with: espalier defragment status", type="OtherPlan")

    @workflow.update(name=STOP)
    def stop(self, said: Stop) -> str:
        """Plan no more, and have those stay that have not moved yet."""
        self._stopped_by = said.who or "somebody"
        return "it is stopped; what has not moved yet stays"

    @workflow.query(name=STATUS)
    def status(self) -> Defragmented:
        """How far it is."""
        return self._status

    async def _work(self, given: Defragment) -> None:
        for _ in range(MOST_ROUNDS):
            plan = await self._plan()
            if not self._stopped_by and plan.moves and not given.approved:
                plan = await self._until_approved(plan)
            if self._stopped_by:
                return self._tell("Ended", f"stopped by {self._stopped_by}", reason="Stopped")
            if not plan.moves:
                return self._tell("Ended", plan.message, reason=plan.reason)
            if not await self._carry_out(plan):
                return None
        return self._tell("Ended", f"{MOST_ROUNDS} plans were carried out; start it again for more", reason="Enough")

    async def _plan(self) -> MovePlan:
        """What to do now; the same again for as long as nothing has changed."""
        self._tell("Planning", "looks for moves that let a gang in which waits")
        asked = PlanRequest(cluster=self._given.cluster, most=self._given.most, passed_over=self._status.let_in)
        return await self._ask(PLAN_MOVES, asked, MovePlan, "which moves let a gang in?")

    async def _until_approved(self, plan: MovePlan) -> MovePlan:
        """The plan that was approved, as it is still the one to carry out; one without moves when nobody does, or none helps."""
        note = ""
        while plan.moves:
            self._approved = ""
            self._tell("Approval", f"{gist(plan)}; waits for: espalier defragment approve{note}", plan=plan)
            try:
                patience = timedelta(seconds=self._given.patience_s)
                await workflow.wait_condition(
                    lambda: bool(self._approved or self._stopped_by), timeout=patience, timeout_summary="waits for an approval"
                )
            except TimeoutError:
                late = f"nobody approved it in {self._given.patience_s:g} s: {gist(plan)}"
                return MovePlan(reason="NotApproved", message=late)
            if self._stopped_by:
                return plan
            fresh = await self._plan()
            if fresh.id == plan.id or (fresh.within(plan) and workflow.patched(AS_APPROVED)):
                return fresh
            plan, note = fresh, "; the fleet has changed since the last one was approved"
        return plan

    async def _carry_out(self, plan: MovePlan) -> bool:
        """Whether all went as planned."""
        self._tell("Moving", gist(plan), plan=plan)
        try:
            problem = await self._send(plan)
            seen = MovesSeen() if problem else await self._follow(plan)
        except (asyncio.CancelledError, ActivityError):
            await self._withdraw(plan)
            raise
        moved = self._status.moved + seen.done
        if problem := problem or seen.message:
            await self._withdraw(plan)
            self._tell("Ended", problem, reason=seen.reason or "WorldChanged", done=seen.done, moved=moved)
            return False
        self._tell("Planning", f"{plan.name} has its room", moved=moved, let_in=(*self._status.let_in, plan.name))
        return True

    async def _send(self, plan: MovePlan) -> str:
        """Tell each system; why one does not take it, or an empty sentence."""
        for (namespace, name), moves in sorted(plan.by_system.items()):
            try:
                await self._order(namespace, name, moves, f"to let {plan.name} in ({counted(plan.pods, 'pod')})")
            except ActivityError as error:
                return sentence(error, self._given.cluster)
        return ""

    async def _withdraw(self, plan: MovePlan) -> None:
        for namespace, name in sorted(plan.by_system):
            try:
                await self._order(namespace, name, {}, "")
            except ActivityError as error:
                workflow.logger.warning("moves were not taken back: %s", sentence(error, self._given.cluster))

    async def _order(self, namespace: str, name: str, moves: dict[str, str], why: str) -> None:
        ref = Ref(cluster=self._given.cluster, namespace=namespace, name=name)
        what = f"{counted(len(moves), 'pod')} to move" if moves else "no more moves"
        request = MoveRequest(ref=ref, who=self._who, why=why, request_id=f"{workflow.info().run_id}/{self._steps}", moves=moves)
        await self._ask(SEND_MOVES, request, Accepted, f"{namespace}/{name}: {what}")

    async def _follow(self, plan: MovePlan) -> MovesSeen:
        """Until the gang has its room, or the moves can't go on."""
        seen, settled_by = MovesSeen(done=-1), 0.0
        while True:
            asked = FollowRequest(plan=plan, done=seen.done)
            seen = await self._ask(FOLLOW_MOVES, asked, MovesSeen, f"{max(seen.done, 0)} of {len(plan.moves)} moved")
            self._tell("Moving", gist(plan), done=seen.done)
            if self._stopped_by:
                return seen.model_copy(update={"reason": "Stopped", "message": f"stopped by {self._stopped_by}"})
            if seen.reason or (seen.placed and seen.done == len(plan.moves)):
                return seen
            if seen.done == len(plan.moves):
                settled_by = settled_by or workflow.time() + SETTLING_S
                if workflow.time() > settled_by:
                    late = f"all have moved, and {plan.name} still waits; see why with: espalier explain {plan.system}"
                    return seen.model_copy(update={"reason": "WorldChanged", "message": late})

    @property
    def _who(self) -> str:
        return f"defragmentation of {self._given.who or 'somebody'}"

    async def _ask(self, name: str, asked: Message, answer: type[T], summary: str) -> T:
        self._steps += 1
        found: T = await workflow.execute_activity(
            name,
            asked,
            result_type=answer,
            activity_id=f"{self._steps}-{name}",
            task_queue=WORKFLOW_QUEUE if name == SEND_MOVES else agent_queue(self._given.cluster),
            summary=summary[:LONGEST_SUMMARY],
            start_to_close_timeout=TIMEOUT,
            schedule_to_close_timeout=GIVE_UP,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=RETRY,
        )
        return found

    def _tell(self, stage: Stage, message: str, **facts: object) -> None:
        self._status = self._status.model_copy(update={"stage": stage, "message": message, **facts})
        workflow.set_current_details(plan_page(self._status))
        show(
            Ref(cluster=self._given.cluster, namespace="", name=""), stage, f"defragmentation by {self._given.who or 'somebody'}"
        )


def gist(plan: MovePlan) -> str:
    """`2 moves let serving/llama-0 in (4 pods)`."""
    moves = counted(len(plan.moves), "move")
    return f"{moves} let{'s' if len(plan.moves) == 1 else ''} {plan.name} in ({counted(plan.pods, 'pod')})"


@workflow.defn(name=SCHEDULED_DEFRAGMENTATION)
class ScheduledDefragmentation:
    """What a schedule starts: it only starts a Defragmentation under its own id, which all know, unless one is at work."""

    @workflow.run
    async def run(self, given: Defragment) -> str:
        try:
            _ = await workflow.start_child_workflow(  # pyright: ignore[reportUnknownMemberType]
                DEFRAGMENTATION,
                given,
                id=workflow_id(given.cluster),
                task_queue=WORKFLOW_QUEUE,
                task_timeout=TASK_TIMEOUT,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                static_summary=f"scheduled by {given.who or 'somebody'}",
                search_attributes=attributes(Ref(cluster=given.cluster, namespace="", name=""), "Planning"),
            )
        except WorkflowAlreadyStartedError:
            return "one is at work already"
        return "started"
