"""What is told of pods that do not run, and when something is to be done about them. Pure."""

from collections.abc import Iterator

from activities.cache.pods import Pod
from activities.messages import GIVEN_UP, NEVER_READY, PodClass, Wait
from activities.state.attempts import Turn
from activities.state.cases import Case

LONGEST_WAIT = 400
AT_REST: tuple[PodClass, ...] = ("failed", "halted", "starting")


def failing(case: Case) -> Iterator[Wait]:
    """One wait for each reason, with what its first pod says, and what is done about it."""
    found: dict[str, list[tuple[Pod, Turn | None]]] = {}
    for standing in case.digest.members["halted"]:
        if standing.pod is not None:
            next_turn = case.attempts.turn_of(standing.pod)
            found.setdefault(GIVEN_UP if next_turn.at is None else _reason(standing.pod), []).append((standing.pod, next_turn))
    for standing in case.digest.members["starting"]:
        if standing.pod is not None and standing.pod.failure:
            found.setdefault(standing.pod.failure.reason, []).append((standing.pod, None))
    for reason, ailing in sorted(found.items(), key=lambda each: each[0]):
        (pod, turn), pods = ailing[0], len(ailing)
        others = f" (and {pods - 1} more)" if pods > 1 else ""
        said = pod.failure.message if pod.failure else f"not Ready within {case.attempts.recovery.ready_within}"
        message, then = f"pod {pod.name} on node {pod.node}{others}: {said}", _then(case, pod, turn)
        yield Wait(reason=reason, message=f"{cut(message, LONGEST_WAIT - len(then) - 2)}; {then}", gangs=pods, first=pod.slot)


def again_s(case: Case) -> float | None:
    """Seconds until something is to be done though nothing happens; None when there is no such moment."""
    ailing = (standing.pod for state in AT_REST for standing in case.digest.members[state])
    waited = (*case.recovering.ends, *case.evacuation.ends, *case.relocation.ends, *case.draining.ends, *case.warming.ends)
    ends = [*waited, *case.attempts.ends(pod for pod in ailing if pod)]
    left = [(end - case.attempts.now).total_seconds() for end in ends]
    settling = () if case.rolling.again_s is None else (case.rolling.again_s,)
    return min([*settling, *(each for each in left if each > 0)], default=None)


def cut(text: str, limit: int) -> str:
    """A text that fits, with an ellipsis where it is cut."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def _reason(pod: Pod) -> str:
    return pod.failure.reason if pod.failure else NEVER_READY


def _then(case: Case, pod: Pod, turn: Turn | None) -> str:
    logs = f"kubectl logs -n {pod.namespace} {pod.name}"
    if turn is None:
        return f"look at {logs} --previous, or kubectl describe pod"
    times = "once" if turn.count == 1 else f"{turn.count} times"
    if turn.at is None:
        return (
            f"replaced {times} in a row, and left as it is: look at {logs}, mend it, then: espalier recover {case.blueprint.name}"
        )
    return f"replaced {times} in a row, again at {turn.at:%H:%M:%S} UTC: look at {logs}"
