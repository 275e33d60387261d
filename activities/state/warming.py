"""Which nodes are warmed up, which are to be, and who waits for that. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from activities.cache.accepted import Accepted
from activities.cache.pods import parsed_time
from activities.cluster.kube import Manifest
from activities.messages import Wait
from activities.state.rolling import Rolling
from activities.state.standing import Digest
from specs.names import WARM_UP
from specs.paths import plain, roles
from specs.sections import entries, label, section
from specs.warm_up import IMAGE, WarmUp, warm_pod
from specs.words import counted

WARMING, FAILED = "WarmingUp", "WarmUpFailed"
HERE = ("CrashLoopBackOff", "RunContainerError", "CreateContainerError", "CreateContainerConfigError")
"""What kubelets say of a container whose image is there."""

Key = tuple[str, str]
"""Revision and node."""


@dataclass(frozen=True)
class Warmth:
    """How far the pods that warm up nodes have come."""

    asked: WarmUp | None
    there: Mapping[Key, Manifest]
    now: datetime

    def cold(self, revision: str, node: str) -> bool:
        """Whether pods of that revision are still to wait for that node."""
        if self.asked is None:
            return False
        found = self.there.get((revision, node))
        return found is None or not (is_warm(found) or self.failure(found))

    def failure(self, found: Manifest) -> str:
        """Why it did not come to its end; empty when it has, or still may."""
        status = section(found, "status")
        if is_warm(found):
            return ""
        if status.get("phase") == "Failed":
            ends = [each for each in _unready(found) if section(each, "state", "terminated").get("exitCode")]
            return f"container {ends[0]['name']} failed" if ends else str(status.get("message") or "its pod failed")
        within = self.asked.within if self.asked else ""
        return f"it did not end within {within}" if self.now >= self.end(found) else ""

    def end(self, found: Manifest) -> datetime:
        """When nobody waits for it any more."""
        return parsed_time(found["metadata"]["creationTimestamp"]) + timedelta(seconds=self.asked.within_s if self.asked else 0)


@dataclass(frozen=True)
class Warming:
    """What is to be done about it."""

    due: tuple[Manifest, ...] = ()
    surplus: tuple[Manifest, ...] = ()
    waits: tuple[Wait, ...] = ()
    failed: tuple[Wait, ...] = ()
    """What came to nothing, of what is removed now."""
    ends: tuple[datetime, ...] = ()


NOTHING = Warming()


def warmth(asked: WarmUp | None, pods: Iterable[Manifest], now: datetime) -> Warmth:
    """`pods`: those of one system that warm up nodes."""
    return Warmth(asked, {(label(each, WARM_UP), str(each["spec"].get("nodeName"))): each for each in pods}, now)


def warming(
    accepted: Accepted, made: Callable[[str], Accepted | None], found: Digest, rolls: Rolling, heat: Warmth
) -> tuple[Warming, Rolling]:
    """What is to be done, and the rollout without the units that wait for it: they run on meanwhile."""
    there = {key: each for key, each in heat.there.items() if "deletionTimestamp" not in each["metadata"]}
    if heat.asked is None:
        return Warming(surplus=tuple(there.values())), rolls
    keys: defaultdict[Key, set[str]] = defaultdict(set)
    for standing in found.idle:
        keys[found.grants.home[standing.slot].revision_of(standing.slot), standing.node].add(standing.role)
    for slot in (slot for unit in rolls.chosen for slot in unit if slot in found.grants.node):
        keys[accepted.revision, found.grants.node[slot]].add(plain(slot))
    due = tuple(
        _pod(accepted, made(key[0]) or accepted, heat.asked, key, keys[key]) for key in sorted(keys.keys() - heat.there.keys())
    )
    cold = sorted(key for key in keys if heat.cold(*key))
    waits = (*_told(cold, heat), *_failed(keys, heat))
    ends = tuple(heat.end(there[key]) for key in cold if key in there)
    over = sorted(there.keys() - keys.keys())
    found_so = Warming(due, tuple(there[key] for key in over), waits, tuple(_failed(over, heat)), ends)
    return found_so, _held(rolls, accepted.revision, found, heat, waits)


def is_warm(found: Manifest) -> bool:
    """Whether all is there: what was to run to its end has, and every image is on the node."""
    phase, unready = section(found, "status").get("phase"), _unready(found)
    if phase == "Succeeded":
        return True
    fetching = [each for each in unready if each["name"].startswith(IMAGE)]
    here = all(_is_here(each) for each in fetching)
    jobs = [each["name"] for each in entries(found, "spec", "containers") if not each["name"].startswith(IMAGE)]
    ended = {each["name"] for each in unready if section(each, "state", "terminated").get("exitCode") == 0}
    if phase == "Failed":
        return bool(fetching) and here and ended.issuperset(jobs)
    return phase == "Running" and here and ended.issuperset(jobs)


def _unready(found: Manifest) -> Sequence[Manifest]:
    return [each for each in entries(found, "status", "containerStatuses") if not each.get("ready")]


def _is_here(container: Manifest) -> bool:
    state = section(container, "state")
    return "running" in state or "terminated" in state or section(state, "waiting").get("reason") in HERE


def _pod(accepted: Accepted, made: Accepted, asked: WarmUp, key: Key, paths: set[str]) -> Manifest:
    templates = [role.template for path, role in roles(made.spec) if path in paths]
    return warm_pod(accepted.owner, asked, *key, templates)


def _told(cold: Sequence[Key], heat: Warmth) -> Iterable[Wait]:
    if cold and heat.asked is not None:
        what = f"warms up {counted(len(cold), 'node')}, the first {cold[0][1]}"
        yield Wait(reason=WARMING, message=f"{what}; at most {heat.asked.within} each", gangs=len(cold))


def _failed(keys: Iterable[Key], heat: Warmth) -> Iterable[Wait]:
    found = [(key, heat.there[key]) for key in sorted(keys) if key in heat.there]
    told = [(key[1], each["metadata"]["name"], why) for key, each in found if (why := heat.failure(each))]
    if told:
        node, pod, why = told[0]
        what = f"warm-up of {counted(len(told), 'node')} failed, the first {node}: {why}"
        yield Wait(reason=FAILED, message=f"{what}; pods start there without it; see kubectl logs {pod}", gangs=len(told))


def _held(rolls: Rolling, revision: str, found: Digest, heat: Warmth, waits: Sequence[Wait]) -> Rolling:
    node = found.grants.node
    ready = tuple(unit for unit in rolls.chosen if not any(slot in node and heat.cold(revision, node[slot]) for slot in unit))
    if len(ready) == len(rolls.chosen):
        return rolls
    return replace(rolls, chosen=ready, gate=None if ready else waits[0], clock_stands=rolls.clock_stands or not ready)


__all__ = ["FAILED", "NOTHING", "WARMING", "Warming", "Warmth", "is_warm", "warming", "warmth"]
