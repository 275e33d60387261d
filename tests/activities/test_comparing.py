"""What of the wanted objects is written again, and what is compared again."""

import pytest

from activities.cluster.kube import GANGS, SERVICES, Manifest
from activities.steps.comparing import Agreements, Support, contains


def named(name: str, **spec: object) -> Manifest:
    return {"metadata": {"name": name}, "spec": spec}


#                             found                  wanted            holds
CONTAINED: dict[str, tuple[Manifest, Manifest, bool]] = {
    "the same": ({"a": 1}, {"a": 1}, True),
    "what a server adds": ({"a": 1, "b": 2}, {"a": 1}, True),
    "another value": ({"a": 2}, {"a": 1}, False),
    "missing": ({}, {"a": {}}, False),
    "lists of objects": ({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]}, True),
    "a longer list": ({"a": [1, 2]}, {"a": [1]}, False),
}  # fmt: skip


@pytest.mark.parametrize(("found", "wanted", "holds"), CONTAINED.values(), ids=CONTAINED)
def test_contains(found: Manifest, wanted: Manifest, holds: bool) -> None:
    assert contains(found, wanted) == holds


class Looks:
    """Counts how often an object is looked at."""

    def __init__(self) -> None:
        self.count = 0

    def written(self, found: Manifest | None, wanted: Manifest) -> Manifest:
        del found
        self.count += 1
        return wanted


def test_what_is_missing_or_other_is_written_and_what_nobody_wants_goes() -> None:
    there = {each["metadata"]["name"]: each for each in (named("a", x=1), named("b", x=1), named("c"))}
    wanted = [named("a", x=1), named("b", x=2), named("d")]
    assert Agreements().compared(SERVICES, there, wanted) == [
        Support(SERVICES, wanted[1]),
        Support(SERVICES, wanted[2]),
        Support(SERVICES, there["c"], surplus=True),
    ]


def test_what_was_as_wanted_is_looked_at_again_only_when_either_is_another() -> None:
    agreements, looks, wanted = Agreements(), Looks(), [named("a", x=1)]
    there = {"a": named("a", x=1)}
    for _ in range(3):
        assert agreements.compared(SERVICES, there, wanted, looks.written) == []
    assert looks.count == 1
    there = {"a": named("a", x=2)}
    assert agreements.compared(SERVICES, there, wanted, looks.written) == [Support(SERVICES, wanted[0])]
    assert agreements.compared(SERVICES, {}, wanted, looks.written) == [Support(SERVICES, wanted[0])]
    assert looks.count == 3


def test_what_is_added_to_a_mirror_is_put_right_too() -> None:
    there, wanted = {"a": named("a", x=1, y=2)}, [named("a", x=1)]
    assert Agreements().compared(SERVICES, there, wanted) == []
    assert Agreements().compared(GANGS, there, wanted) == [Support(GANGS, wanted[0])]
