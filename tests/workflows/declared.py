"""Systems that tests declare."""

from specs.system import InferenceSystem

TEMPLATE = {"spec": {"containers": [{"name": "main", "image": "busybox"}]}}


def system(name: str = "llama", copies: int = 2, routers: int = 1, servers: int = 2, **spec: object) -> InferenceSystem:
    """Routers, then servers of which one is enough."""
    members = [
        {"role": "router", "replicas": routers, "minAvailable": min(1, routers), "template": TEMPLATE},
        {"role": "server", "replicas": servers, "minAvailable": min(1, servers), "template": TEMPLATE},
    ]
    declared = {"start": "inOrder", "replicas": copies, "members": members, **spec}
    return InferenceSystem.model_validate({"metadata": {"name": name}, "spec": declared})


def manifest(name: str = "llama", copies: int = 2, routers: int = 1, servers: int = 2, **spec: object) -> dict[str, object]:
    """The same as JSON."""
    written: dict[str, object] = system(name, copies, routers, servers, **spec).model_dump(
        mode="json", by_alias=True, exclude_unset=True
    )
    return written
