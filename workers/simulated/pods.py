"""What a pod is when it is made, and what of it may be changed: the rules that Espalier relies on.

As seen on Kubernetes 1.37: a gate can be taken away and never added; while there is a gate, node affinity and nodeSelector may
be narrowed only; afterwards nothing but images, tolerations that are added, and a few more.
"""

from collections.abc import Sequence
from typing import Any

from specs.owners import Manifest
from specs.sections import entries, section
from workers.simulated.errors import Denied, invalid

FREE = {"activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"}
NARROWED = {"nodeSelector", "affinity", "schedulingGates"}
REQUIRED = ("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
CRITICAL = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
"""PriorityClasses that every cluster has."""
AWAY_S, NO_EXECUTE = 300, "NoExecute"
LEAVING_KEYS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def made(pod: Manifest, now: str, priority: int) -> Manifest:
    """A new pod with its defaults, and the status that it begins with."""
    spec: Manifest = {
        "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler", "securityContext": {}, "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority", **pod["spec"], "priority": priority,
    }  # fmt: skip
    if not spec.get("containers"):
        raise invalid("Pod", pod["metadata"]["name"], "spec.containers", "Required value")
    spec["tolerations"] = [*(spec.get("tolerations") or ()), *_away(spec)]
    status: Manifest = {"phase": "Pending", "qosClass": "Burstable"}
    if spec.get("schedulingGates"):
        gates = ", ".join(gate["name"] for gate in spec["schedulingGates"])
        waiting = {"reason": "SchedulingGated", "message": f"Scheduling is blocked due to non-empty scheduling gates ({gates})"}
        status["conditions"] = [{"type": "PodScheduled", "status": "False", "lastTransitionTime": now, **waiting}]
    elif "schedulingGates" in spec:
        del spec["schedulingGates"]
    return {**pod, "spec": spec, "status": status}


def check_change(old: Manifest, new: Manifest) -> None:
    """Raise `Denied` 422 where the new spec says what the old one does not let it say."""
    name, was, now = new["metadata"]["name"], old["spec"], new["spec"]
    gated = bool(was.get("schedulingGates"))
    _check_gates(name, was, now)
    for field in sorted({*was, *now} - FREE - {"containers", "schedulingGates"}):
        if was.get(field) == now.get(field):
            continue
        if field not in NARROWED or not gated or not _narrows(field, was, now):
            raise _fixed(name, field)
    if not _same_but_images(was, now):
        raise _fixed(name, "containers")
    kept = entries(now, "tolerations")
    if any(each not in kept for each in entries(was, "tolerations")):
        raise invalid("Pod", name, "spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")


def _away(spec: Manifest) -> list[Manifest]:
    """The tolerations that every pod gets, so that it leaves a lost node after five minutes."""
    keys = {each.get("key") or "" for each in spec.get("tolerations") or () if (each.get("effect") or NO_EXECUTE) == NO_EXECUTE}
    added = {"operator": "Exists", "effect": NO_EXECUTE, "tolerationSeconds": AWAY_S}
    return [{"key": key, **added} for key in LEAVING_KEYS if key not in keys and "" not in keys]


def _check_gates(name: str, was: Manifest, now: Manifest) -> None:
    before = [gate["name"] for gate in was.get("schedulingGates") or ()]
    added = [gate["name"] for gate in now.get("schedulingGates") or () if gate["name"] not in before]
    if added:
        raise invalid(
            "Pod", name, "spec.schedulingGates", f"only deletion is allowed, but found new scheduling gate '{added[0]}'"
        )


def _fixed(name: str, field: str) -> Denied:
    return invalid("Pod", name, "spec", f"Forbidden: pod updates may not change fields other than image and a few more ({field})")


def _narrows(field: str, was: Manifest, now: Manifest) -> bool:
    if field == "nodeSelector":
        old, new = section(was, field), section(now, field)
        return all(new.get(key) == value for key, value in old.items())
    if field == "affinity":
        same = {**section(was, field), "nodeAffinity": None} == {**section(now, field), "nodeAffinity": None}
        return same and _narrower(entries(was, *REQUIRED, "nodeSelectorTerms"), entries(now, *REQUIRED, "nodeSelectorTerms"))
    return True


def _narrower(old: Sequence[Manifest], new: Sequence[Manifest]) -> bool:
    """Each term may get more requirements; none may come or go, because terms are alternatives."""
    if not old:
        return True
    return len(old) == len(new) and all(map(_tightened, old, new))


def _tightened(old: Manifest, new: Manifest) -> bool:
    parts = ("matchExpressions", "matchFields")
    return all((new.get(part) or [])[: len(old.get(part) or [])] == (old.get(part) or []) for part in parts)


def _same_but_images(was: Manifest, now: Manifest) -> bool:
    def bare(spec: Manifest) -> list[dict[str, Any]]:
        return [{key: value for key, value in each.items() if key != "image"} for each in spec.get("containers") or ()]

    return bare(was) == bare(now)
