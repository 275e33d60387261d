"""What the kubelets of all nodes do: pods that are bound start, become Ready, crash, end, and leave, as their annotations ask.

The annotations are those of the fake nodes that the tests use (tests/cluster/README.md). What comes next for a pod, and when,
stands in its own status, as the condition `sim.espalier.dev/Next`; so a restart of the simulated cluster goes on where it was.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from specs.owners import Manifest
from specs.sections import annotation, condition, entries, section
from workers.simulated.api import Api, Where
from workers.simulated.clock import Clock, moment, stamp
from workers.simulated.kinds import NODES, PODS
from workers.simulated.objects import Change
from workers.simulated.words import FINISHED, with_condition

ASKED = "sim.espalier.dev/"
NEXT = f"{ASKED}Next"
LOST = f"{ASKED}lost"
DURATION = re.compile(r"^([0-9.]+)(ms|s|m)?$")
UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0}
RESTART = "100ms"


@dataclass(frozen=True)
class Stage:
    """What a pod is now, and what comes after."""

    phase: str = "Running"
    ready: bool = True
    next: str = ""
    after: str = ""


class Kubelets:
    """Acts on pods that are bound to nodes that answer."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api, self._clock = api, clock
        self._planned: dict[str, datetime] = {}

    def saw(self, change: Change) -> None:
        """Take in one change."""
        if change.plural == "pods" and change.type != "DELETED":
            self._look(change.new)
        elif (
            change.plural == "nodes" and change.type == "MODIFIED" and change.old and _lost(change.old) and not _lost(change.new)
        ):
            for pod in self._api.objects.all(PODS):
                if pod["spec"].get("nodeName") == change.new["metadata"]["name"]:
                    self._look(pod)

    def _look(self, seen: Manifest) -> None:
        """Do what is due for a pod, or come back when it is."""
        pod = self._api.objects.now(PODS, seen)
        if pod is None or not self._answers(pod):
            return
        due = self._due(pod)
        if due is None:
            return
        wait_s = (due - self._clock.now()).total_seconds()
        if wait_s <= 0:
            self._act(pod)
        else:
            self._come_back(pod, due, wait_s)

    def _answers(self, pod: Manifest) -> bool:
        node = self._api.objects.get(NODES, "", pod["spec"].get("nodeName") or "")
        return node is not None and not _lost(node)

    def _due(self, pod: Manifest) -> datetime | None:
        """When something is to happen to it; None when nothing is."""
        metadata, status = pod["metadata"], section(pod, "status")
        if "deletionTimestamp" in metadata:
            grace_s = float(metadata.get("deletionGracePeriodSeconds") or 0)
            asked = moment(metadata["deletionTimestamp"]) - timedelta(seconds=grace_s)
            return asked + timedelta(seconds=min(seconds(annotation(pod, f"{ASKED}stop-after") or "0"), grace_s))
        if status.get("phase") == "Pending" or (status.get("phase") == "Running" and _images_differ(pod)):
            return self._clock.now()
        planned = condition(pod, NEXT)
        return moment(planned["message"]) if planned.get("status") == "True" and status.get("phase") == "Running" else None

    def _come_back(self, pod: Manifest, due: datetime, wait_s: float) -> None:
        uid = pod["metadata"]["uid"]
        if self._planned.get(uid) == due:
            return
        self._planned[uid] = due
        self._clock.later(wait_s, self._again(pod, due))

    def _again(self, pod: Manifest, due: datetime) -> Callable[[], None]:
        uid = pod["metadata"]["uid"]

        def act() -> None:
            if self._planned.get(uid) == due:
                del self._planned[uid]
            self._look(pod)

        return act

    def _act(self, pod: Manifest) -> None:
        if "deletionTimestamp" in pod["metadata"]:
            where = Where(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])
            self._api.delete(where, {"gracePeriodSeconds": 0})
            return
        planned = condition(pod, NEXT)
        step = (
            planned["reason"]
            if planned.get("status") == "True"
            else "Start"
            if pod["status"].get("phase") == "Pending"
            else "Restart"
        )
        if pod["status"].get("phase") == "Running" and _images_differ(pod):
            step = "Restart"
        self._api.write_status(PODS, pod, self._status(pod, step))

    def _status(self, pod: Manifest, step: str) -> Manifest:
        now = self._clock.now()
        restarts = _restarts(pod) + (step == "Restart")
        changed = section(pod, "status").get("phase") == "Running" and _images_differ(pod)
        stage = stage_after(pod, "Start" if changed else step, restarts)
        status: Manifest = {
            **section(pod, "status"),
            "phase": stage.phase,
            "containerStatuses": _containers(pod, step, stage, restarts, stamp(now)),
        }
        if step == "Start":
            status |= {"startTime": stamp(now), "podIP": _address(pod), "podIPs": [{"ip": _address(pod)}]}
        flag = "True" if stage.ready else "False"
        for said in (
            {"type": "Initialized", "status": "True"},
            {"type": "ContainersReady", "status": flag},
            {"type": "Ready", "status": flag},
        ):
            status = with_condition({"status": status}, said, now)
        if stage.next or condition(pod, NEXT):
            due = now + timedelta(seconds=seconds(stage.after or "0"))
            planned = {"type": NEXT, "status": "True" if stage.next else "False", "reason": stage.next or "Settled"}
            status = with_condition({"status": status}, {**planned, "message": due.isoformat() if stage.next else ""}, now)
        return status


def stage_after(pod: Manifest, step: str, restarts: int) -> Stage:
    """What a pod is after a step, by its annotations."""

    def asked(what: str) -> str:
        return annotation(pod, f"{ASKED}{what}")

    crashes = int(asked("crash-times") or "1") if asked("crash-after") else 0
    rules = (
        (asked("hang") == "true", Stage(ready=False)),
        (step == "Crash", Stage(ready=False, next="Restart", after=asked("restart-after") or RESTART)),
        (step == "Fail", Stage("Failed", ready=False)),
        (step == "Complete", Stage("Succeeded", ready=False)),
        (step == "Start" and asked("ready-after") != "", Stage(ready=False, next="Ready", after=asked("ready-after"))),
        (restarts < crashes, Stage(next="Crash", after=asked("crash-after"))),
        (asked("fail-after") != "", Stage(next="Fail", after=asked("fail-after"))),
        (asked("complete-after") != "", Stage(next="Complete", after=asked("complete-after"))),
    )
    return next((stage for applies, stage in rules if applies), Stage())


def seconds(text: str) -> float:
    """A delay: milliseconds, or a number with ms, s or m; what can't be read is none."""
    found = DURATION.match(text)
    return float(found[1]) * UNIT_S[found[2] or "ms"] if found else 0.0


def _containers(pod: Manifest, step: str, stage: Stage, restarts: int, now: str) -> list[Manifest]:
    found: list[Manifest] = []
    for index, container in enumerate(pod["spec"]["containers"]):
        died = stage.phase in FINISHED or (index == 0 and step == "Crash")
        code = 0 if stage.phase == "Succeeded" else 1
        ended = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed", "finishedAt": now}}
        found.append({
            "name": container["name"], "image": container.get("image", ""), "imageID": "", "ready": stage.ready and not died,
            "started": not died, "restartCount": restarts if index == 0 else 0,
            "state": ended if died else {"running": {"startedAt": now}},
        })  # fmt: skip
    return found


def _restarts(pod: Manifest) -> int:
    return next((int(each.get("restartCount", 0)) for each in entries(pod, "status", "containerStatuses")), 0)


def _images_differ(pod: Manifest) -> bool:
    wanted = [each.get("image", "") for each in pod["spec"]["containers"]]
    return wanted != [each.get("image", "") for each in entries(pod, "status", "containerStatuses")]


def _address(pod: Manifest) -> str:
    number = int(pod["metadata"]["uid"][:4], 16)
    return f"10.{64 + number % 64}.{number // 64 % 256}.{number % 250 + 1}"


def _lost(node: Manifest) -> bool:
    return annotation(node, LOST) == "true"
