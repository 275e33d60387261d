"""Nodes and pods as large as those of real clusters: with images, volumes, variables, and the fields that each manager keeps.

Most of this is of no use to an agent; what it makes of that decides how much memory it takes. What is equal for all is shared.
"""

from specs.owners import Manifest

NOW = "2026-01-01T00:00:00Z"
IMAGES = [
    {"names": [f"registry.example.com/team/image-{n}@sha256:{n:064x}", f"registry.example.com/team/image-{n}:v1"], "sizeBytes": n}
    for n in range(1, 51)
]
"""A kubelet reports up to 50."""
CONDITIONS = [
    {"type": kind, "status": status, "reason": f"Kubelet{kind}", "message": f"kubelet says {kind}: {status}",
     "lastHeartbeatTime": NOW, "lastTransitionTime": NOW}
    for kind, status in (("MemoryPressure", "False"), ("DiskPressure", "False"), ("PIDPressure", "False"), ("Ready", "True"))
]  # fmt: skip
READY = [
    {"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": NOW}
    for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
]
VARIABLES = [{"name": f"VARIABLE_{n}", "value": f"value-{n}"} for n in range(20)]
VOLUMES = [{"name": f"volume-{n}", "configMap": {"name": f"settings-{n}", "defaultMode": 420}} for n in range(5)]
MOUNTS = [{"name": f"volume-{n}", "mountPath": f"/etc/settings/{n}", "readOnly": True} for n in range(5)]
USES = {"nvidia.com/gpu": "4", "cpu": "64", "memory": "400Gi"}
SPEC: Manifest = {
    "containers": [{
        "name": "main", "image": "registry.example.com/team/server:v1", "imagePullPolicy": "IfNotPresent", "env": VARIABLES,
        "resources": {"requests": USES, "limits": USES}, "volumeMounts": MOUNTS,
        "readinessProbe": {"httpGet": {"path": "/health", "port": 8000, "scheme": "HTTP"}, "periodSeconds": 10},
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
    }],
    "volumes": VOLUMES, "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler", "serviceAccountName": "default", "securityContext": {}, "priority": 0,
    "tolerations": [
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        for key in ("not-ready", "unreachable")
    ],
}  # fmt: skip
FIELDS: list[Manifest] = [
    {"manager": manager, "operation": "Update", "apiVersion": "v1", "time": NOW, "fieldsType": "FieldsV1",
     "fieldsV1": {f"f:{part}": {f"f:{name}-{n}": {} for n in range(15)} for name in ("spec", "status")}}
    for manager, part in (("kube-controller-manager", "spec"), ("kubelet", "status"))
]  # fmt: skip


def lifelike_node(node: Manifest) -> Manifest:
    """A node with all that a kubelet says of it."""
    info = {
        "kubeletVersion": "v1.37.0",
        "containerRuntimeVersion": "containerd://2.1",
        "osImage": "Linux",
        "architecture": "amd64",
    }
    labels = {**node["metadata"]["labels"], **{f"feature.node.kubernetes.io/cpu-flag-{n}": "true" for n in range(30)}}
    annotations = {
        "node.alpha.kubernetes.io/ttl": "0",
        "csi.volume.kubernetes.io/nodeid": f'{{"csi":"{node["metadata"]["name"]}"}}',
    }
    holds = node["status"]["allocatable"]
    metadata: Manifest = {**node["metadata"], "labels": labels, "annotations": annotations, "managedFields": FIELDS}
    status = {"allocatable": holds, "capacity": holds, "conditions": CONDITIONS, "images": IMAGES, "nodeInfo": info}
    return {"metadata": metadata, "spec": {}, "status": status}


def lifelike_pod(number: int, node: str) -> Manifest:
    """A pod that runs on a node, of a job of its own in a namespace of others."""
    name = f"job-{number}"
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": f"job-uid-{number}", "controller": True}
    running = {"running": {"startedAt": NOW}}
    status = {
        "phase": "Running", "conditions": READY, "hostIP": "10.0.0.1", "podIP": f"10.1.{number // 256 % 256}.{number % 256}",
        "qosClass": "Guaranteed", "startTime": NOW,
        "containerStatuses": [{
            "name": "main", "ready": True, "started": True, "restartCount": 0, "state": running, "lastState": {},
            "image": "registry.example.com/team/server:v1", "containerID": f"containerd://{number:064x}",
        }],
    }  # fmt: skip
    metadata: Manifest = {
        "name": name, "namespace": "default", "uid": f"uid-{number}", "creationTimestamp": NOW, "managedFields": FIELDS,
        "labels": {"app": name, "batch.kubernetes.io/job-name": name, "team": f"team-{number % 50}"}, "ownerReferences": [owner],
        "annotations": {"kubernetes.io/config.seen": NOW, "prometheus.io/scrape": "true"},
    }  # fmt: skip
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {**SPEC, "nodeName": node}, "status": status}
