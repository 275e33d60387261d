"""Which requests take a system's pods away."""

from activities.cluster.kube import Manifest
from activities.messages import Ref
from activities.steps.erasing import MANY, MOST_NAMED, shares
from specs.names import COPY, ROLE, SYSTEM, SYSTEM_UID

LLAMA = Ref(namespace="default", name="llama")
UID = "9a3c"
MINE = f"{SYSTEM}=llama,{SYSTEM_UID}={UID}"


def pods(count: int, *roles: str, copies: int = 1) -> list[Manifest]:
    """So many of each role, over so many copies."""
    return [
        {"metadata": {"labels": {SYSTEM: "llama", COPY: str(index % copies), **({ROLE: role} if role else {})}}}
        for role in roles
        for index in range(count)
    ]


def test_few_pods_go_with_one_request() -> None:
    assert shares(LLAMA, UID, pods(MANY // 2 - 1, "router", "worker")) == [MINE]


def test_many_go_role_by_role() -> None:
    assert shares(LLAMA, UID, pods(MANY // 2, "router", "worker", "cache", "gate")) == [
        f"{MINE},{ROLE}={role}" for role in ("cache", "gate", "router", "worker")
    ]


def test_of_few_roles_they_go_by_copies_as_well_and_each_once() -> None:
    assert shares(LLAMA, UID, pods(MANY, "worker", copies=6)) == [
        f"{MINE},{ROLE}=worker,{COPY} in ({part})" for part in ("0,1", "2,3", "4,5")
    ]
    assert [each.rpartition(",esp")[2] for each in shares(LLAMA, UID, pods(MANY, "router", "worker", copies=2))] == 2 * [
        "alier.dev/copy in (0)",
        "alier.dev/copy in (1)",
    ]


def test_more_copies_than_an_address_can_name_go_role_by_role() -> None:
    many = 2 * MOST_NAMED + 2
    assert shares(LLAMA, UID, pods(many, "router", "worker", copies=many)) == [
        f"{MINE},{ROLE}=router",
        f"{MINE},{ROLE}=worker",
    ]


def test_what_has_no_role_is_not_passed_over() -> None:
    assert shares(LLAMA, UID, pods(MANY, "router", "")) == [MINE]
