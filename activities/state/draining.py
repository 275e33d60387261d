"""Draining: pods that serve and are to go are told, and go once they say that they are drained, or time is over. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from activities.cache.pods import Pod
from activities.messages import Wait
from activities.state.attempts import Attempts
from activities.state.sparing import NOBODY as NONE_SPARED
from activities.state.sparing import Spared, spared
from activities.state.standing import Digest
from activities.state.units import Moment
from specs.drain import Drain
from specs.system import SystemSpec

DRAINING, TIMED_OUT = "Draining", "DrainTimedOut"


@dataclass(frozen=True)
class Draining:
    """Of the pods that are to go."""

    go: tuple[Pod, ...] = ()
    """Those that may go now."""
    late: tuple[Pod, ...] = ()
    """Of them, those that never said that they are drained."""
    tell: tuple[Pod, ...] = ()
    """Those that do not know it yet."""
    back: tuple[Pod, ...] = ()
    """Pods that were told, and are wanted again."""
    ends: tuple[datetime, ...] = ()
    """When the time of the others is over."""
    waits: tuple[Wait, ...] = ()
    kept: int = 0
    """Those that stay for now, because too many others are out."""
    spared: frozenset[str] = frozenset()
    """Their slots, and those of pods that are to be changed in place and stay as they are."""


NOBODY = Draining()


def draining(spec: SystemSpec, at: Moment, attempts: Attempts) -> Draining:
    """What is to go, but for whom the budget has no room any more."""
    return drained(spec.drain, at.found, attempts, spared(spec.rollout, at, attempts))


def drained(drain: Drain | None, found: Digest, attempts: Attempts, spares: Spared = NONE_SPARED) -> Draining:
    """Who goes at once: all where nothing is asked, who does not serve, who makes way for others. Cost: linear in pods."""
    every = [standing.pod for standing in found.members["surplus"] if standing.pod]
    surplus = tuple(pod for pod in every if pod.slot not in spares.slots)
    kept = len(every) - len(surplus)
    back = tuple(each.pod for each in found.members["ready"] if each.pod and each.pod.draining is not None)
    if drain is None:
        return Draining(go=surplus, back=back, waits=spares.waits, kept=kept, spared=spares.slots)
    evicted = {standing.slot for standing in found.evicted}
    serving = [pod for pod in surplus if pod.ready and pod.slot not in evicted and not attempts.superseded(pod)]
    told = {pod.name: pod.draining + drain.most for pod in serving if pod.draining is not None}
    still = [pod for pod in serving if pod.name in told and drain.condition not in pod.conditions]
    waiting = [pod for pod in still if told[pod.name] > attempts.now]
    tell = [pod for pod in serving if pod.name not in told]
    stay = {pod.name for pod in (*waiting, *tell)}
    return Draining(
        go=tuple(pod for pod in surplus if pod.name not in stay),
        late=tuple(pod for pod in still if pod.name not in stay),
        tell=tuple(tell),
        back=back,
        ends=tuple(told[pod.name] for pod in waiting),
        waits=(*spares.waits, *_waits(waiting, told, drain)),
        kept=kept,
        spared=spares.slots,
    )


def _waits(waiting: list[Pod], told: dict[str, datetime], drain: Drain) -> Iterator[Wait]:
    if waiting:
        first = min(waiting, key=lambda pod: (told[pod.name], pod.name))
        others = f" (and {len(waiting) - 1} more)" if len(waiting) > 1 else ""
        until = f"its condition {drain.condition} is True, or {told[first.name]:%H:%M:%S} UTC"
        message = f"pod {first.name}{others} drains until {until}"
        yield Wait(reason=DRAINING, message=message, gangs=len(waiting), first=first.slot)
