"""Which requests take a system's pods away."""

from activities.cluster.kube import Manifest
from activities.messages import Ref
from activities.steps.erasing import MANY, shares
from specs.names import ROLE, SYSTEM

LLAMA = Ref(namespace="default", name="llama")


def pods(count: int, *roles: str) -> list[Manifest]:
    """So many of each role."""
    return [{"metadata": {"labels": {SYSTEM: "llama", **({ROLE: role} if role else {})}}} for role in roles for _ in range(count)]


def test_few_pods_go_with_one_request() -> None:
    assert shares(LLAMA, pods(MANY // 2 - 1, "router", "worker")) == [f"{SYSTEM}=llama"]


def test_many_go_role_by_role() -> None:
    assert shares(LLAMA, pods(MANY // 2, "router", "worker")) == [
        f"{SYSTEM}=llama,{ROLE}=router",
        f"{SYSTEM}=llama,{ROLE}=worker",
    ]


def test_what_has_no_role_is_not_passed_over() -> None:
    assert shares(LLAMA, pods(MANY, "router", "")) == [f"{SYSTEM}=llama"]
