"""How a workflow calls an activity of its cluster's agent: every option in one place."""

import asyncio
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from activities.messages import OBSERVE, Observation, Order, Record, Recorded, Written, agent_queue

HEARTBEAT = timedelta(seconds=1.5)
OBSERVE_TIMEOUT, OBSERVE_GIVE_UP = timedelta(seconds=30), timedelta(seconds=60)
STEP_TIMEOUT, STEP_GIVE_UP = timedelta(minutes=5), timedelta(minutes=10)
RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    maximum_interval=timedelta(seconds=20),
    non_retryable_error_types=["Refused", "Overtaken"],
)
GRACE = timedelta(seconds=2)
"""For a step that is at work when a newer intent comes; then it is cancelled."""
LONGEST_SUMMARY = 200

Answer = TypeVar("Answer", Observation, Written, Recorded)


class Caller:
    """Calls one activity after the other; ids come from a counter that outlives the run."""

    def __init__(self, cluster: str, steps: int) -> None:
        self.steps = steps
        self.hurried = False
        """A newer intent waits for the call that is under way."""
        self._cluster = cluster

    async def call(self, name: str, asked: Order | Record, answer: type[Answer], summary: str = "") -> Answer:
        """Raises ActivityError; for a call that was cancelled for a newer intent too."""
        self.steps += 1
        observing = name == OBSERVE
        handle: workflow.ActivityHandle[Answer] = workflow.start_activity(
            name,
            asked,
            result_type=answer,
            task_queue=agent_queue(self._cluster),
            activity_id=f"{self.steps}-{name}",
            summary=summary[:LONGEST_SUMMARY] or None,
            start_to_close_timeout=OBSERVE_TIMEOUT if observing else STEP_TIMEOUT,
            schedule_to_close_timeout=OBSERVE_GIVE_UP if observing else STEP_GIVE_UP,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=RETRY,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        return await self._answer(handle)

    async def _answer(self, handle: workflow.ActivityHandle[Answer]) -> Answer:
        """Wait for it; cancel it with this workflow, or when a newer intent has waited long enough."""
        try:
            await workflow.wait_condition(lambda: handle.done() or self.hurried)
            if not handle.done():
                await workflow.wait_condition(handle.done, timeout=GRACE)
        except TimeoutError:
            handle.cancel()
        except asyncio.CancelledError:
            handle.cancel()
            await workflow.wait_condition(handle.done)
            raise
        return await handle


def code_of(error: ActivityError) -> str:
    """The type of the error that an activity ended with: `Refused`, `Busy`, `Overtaken`; empty when nobody answered."""
    cause = _told(error)
    return (cause.type or "") if cause is not None else ""


def sentence(error: ActivityError, cluster: str) -> str:
    """Why an activity failed, for a person."""
    cause = _told(error)
    silence = f"the agent of cluster {cluster} does not answer; start it with: espalier agent"
    return silence if cause is None else cause.message


def told(error: ActivityError) -> str:
    """What an activity said last; empty when nobody answered."""
    cause = _told(error)
    return "" if cause is None else cause.message


def _told(error: BaseException) -> ApplicationError | None:
    """What the activity itself said last; a timeout wraps it."""
    link: BaseException | None = error
    while link is not None and not isinstance(link, ApplicationError):
        link = link.__cause__
    return link
