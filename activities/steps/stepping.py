"""The steps that write, as activities: each answers with what it wrote, and with how the system looks after it."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

from temporalio import activity

from activities.cluster.crew import Tally, heartbeating, translating
from activities.listening.nudging import Nudges
from activities.messages import Order, Written
from activities.steps.observing import Observer

Step = Callable[[Order], Awaitable[Tally]]


class Steps:
    """Every step under the name that workflows call it by. Saves them one question for each."""

    def __init__(self, steps: Mapping[str, Step], observer: Observer, nudges: Nudges) -> None:
        self._steps, self._observer, self._nudges = steps, observer, nudges

    @property
    def activities(self) -> Sequence[Callable[[Order], Coroutine[Any, Any, Written]]]:
        """What a Temporal worker is to serve."""
        return [self._activity(name) for name in self._steps]

    async def take(self, name: str, order: Order) -> Written:
        """Take one step. Raises ApplicationError: `Busy` is to be repeated, `Refused` and `Overtaken` are not."""
        with translating():
            async with heartbeating():
                self._nudges.watch(order)
                with self._observer.troubling(order, name):
                    tally = await self._steps[name](order)
                written = tally.as_written()
                known = order.reaching(written.versions).troubled(name, written.problem)
                self._nudges.watch(known)
                seen = await self._observer.after(known)
                return written.model_copy(update={"seen": seen if tally.shows else None})

    def _activity(self, name: str) -> Callable[[Order], Coroutine[Any, Any, Written]]:
        @activity.defn(name=name)
        async def step(order: Order) -> Written:
            return await self.take(name, order)

        return step
