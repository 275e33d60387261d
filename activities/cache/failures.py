"""Why a pod does not run: what its containers last said, as a reason for machines and a sentence for people. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from activities.cache.renewed import restarts_before
from activities.cluster.kube import Manifest
from activities.messages import CANNOT_PULL, CANNOT_START, CRASH_LOOPING, ENDED, EVICTED
from specs.sections import entries, section

LOOPS_FROM = 2
"""Restarts from which a container that is not ready counts as crash looping, though its kubelet does not pause yet."""
LONGEST_MESSAGE = 200

_STUCK = {
    "CrashLoopBackOff": CRASH_LOOPING,
    "ErrImagePull": CANNOT_PULL,
    "ImagePullBackOff": CANNOT_PULL,
    "ErrImageNeverPull": CANNOT_PULL,
    "InvalidImageName": CANNOT_PULL,
    "CreateContainerConfigError": CANNOT_START,
    "CreateContainerError": CANNOT_START,
    "RunContainerError": CANNOT_START,
}
"""What kubelets say of a container that does not start, and in which of our words."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What keeps one pod from running."""

    reason: str
    """One of `messages.FAILING`."""
    message: str
    """Container, exit code, and what it said at the end."""


def failure_of(pod: Manifest) -> Failure | None:
    """The failure of a pod; None for one that runs, starts or waits as it should, or ended well."""
    status = section(pod, "status")
    if status.get("phase") == "Failed":
        return _ended(pod, status)
    return next(_stuck(pod), None)


def _ended(pod: Manifest, status: Manifest) -> Failure:
    reason = EVICTED if status.get("reason") == EVICTED else ENDED
    ends = [end for each in _containers(pod) if (end := _end(each))]
    said = ": ".join(str(each) for each in (status.get("reason"), status.get("message")) if each)
    return Failure(reason, "; ".join([*ends[:1], *([said[:LONGEST_MESSAGE]] if said else [])]) or "it says nothing of why")


def _stuck(pod: Manifest) -> Iterator[Failure]:
    meant = {name: before + 1 for name, before in restarts_before(pod).items()}
    for each in _containers(pod):
        waiting, end = section(each, "state", "waiting"), _end(each)
        restarts = int(each.get("restartCount", 0)) - meant.get(each["name"], 0)
        reason = _STUCK.get(str(waiting.get("reason")))
        if reason in (CANNOT_PULL, CANNOT_START):
            told = waiting.get("message") or "its kubelet says no more"
            yield Failure(reason, f"container {each['name']}: {waiting['reason']}: {told[:LONGEST_MESSAGE]}")
        elif reason == CRASH_LOOPING or (end and restarts >= LOOPS_FROM):
            times = "once" if restarts == 1 else f"{restarts} times"
            yield Failure(CRASH_LOOPING, f"{end or 'container ' + each['name']}, restarted {times}")


def _containers(pod: Manifest) -> list[Manifest]:
    """Those that are not ready, in order: those that prepare come first."""
    found = [*entries(pod, "status", "initContainerStatuses"), *entries(pod, "status", "containerStatuses")]
    return [each for each in found if not each.get("ready")]


def _end(container: Manifest) -> str:
    """How a container last ended: `container main ended with exit code 137 (OOMKilled)`; "" if it did not, or ended well."""
    end = section(container, "state", "terminated") or section(container, "lastState", "terminated")
    if not end or not end.get("exitCode"):
        return ""
    reason = f" ({end['reason']})" if end.get("reason") not in (None, "", "Error") else ""
    said = f": {_last(end['message'])}" if end.get("message") else ""
    return f"container {container['name']} ended with exit code {end['exitCode']}{reason}{said}"


def _last(text: str) -> str:
    """The last lines of what a container left, on one line: the end of a log says more than its beginning."""
    told = " | ".join(line.strip() for line in text.splitlines() if line.strip())
    return told if len(told) <= LONGEST_MESSAGE else f"...{told[3 - LONGEST_MESSAGE :]}"
