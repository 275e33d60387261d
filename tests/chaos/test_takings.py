"""Which takings are allowed, and which are not: told event by event."""

from dataclasses import dataclass, field

import pytest

from tests.chaos.takings import HEARD_S, KNOWN_S, Takings
from tests.cluster.api import Json

IMAGES = {"decode": "a"}


@dataclass
class Story:
    """A system of three replicas of one pod each, which all serve."""

    takings: Takings = field(init=False)
    now: float = 1_000.0
    told: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.takings = Takings(clock=lambda: self.now)
        self.wants(3)
        for index in range(3):
            self.comes(index)

    def wants(self, count: int, image: str = "a") -> None:
        self.takings.asks("s", {"decode": count}, {"decode": image})
        self.takings.accepted("s")

    def waits(self, seconds: float) -> None:
        self.now += seconds

    def comes(self, index: int) -> None:
        self._event("ADDED", pod(index, ready=False))
        self._event("MODIFIED", pod(index))

    def goes(self, index: int) -> None:
        """Deleted by the product."""
        self._event("MODIFIED", pod(index, leaving=True))
        self._event("DELETED", pod(index, leaving=True))

    def is_lost(self, index: int) -> None:
        self.takings.hand(f"u{index}")
        self._event("DELETED", pod(index))

    def fails(self, index: int) -> None:
        self._event("MODIFIED", pod(index, ready=False))

    def _event(self, kind: str, item: Json) -> None:
        self.told += self.takings.seen({"type": kind, "object": item})


def pod(index: int, *, ready: bool = True, leaving: bool = False) -> Json:
    metadata = {
        "uid": f"u{index}",
        "labels": {"espalier.dev/system": "s"},
        "annotations": {"espalier.dev/slot": f"0/decode/{index}/worker/0"},
        **({"deletionTimestamp": "now"} if leaving else {}),
    }
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {"metadata": metadata, "spec": {"containers": [{"image": "a"}]}, "status": {"conditions": conditions}}


def test_one_that_is_outdated_after_the_other() -> None:
    story = Story()
    story.wants(3, "b")
    story.goes(0)
    story.comes(0)
    story.goes(1)
    assert (story.told, story.takings.taken, story.takings.most_away) == ([], 2, 1)


def test_two_at_once() -> None:
    story = Story()
    story.wants(3, "b")
    story.goes(0)
    story.goes(1)
    assert story.told == ["s/0/decode/1 was taken, and with it 2 of 3 are away"]


@pytest.mark.parametrize("how", ["is_lost", "fails"])
def test_one_beside_what_others_broke(how: str) -> None:
    story = Story()
    story.wants(3, "b")
    getattr(story, how)(0)
    story.waits(2 * KNOWN_S)
    story.goes(1)
    assert story.told == ["s/0/decode/1 was taken, and with it 2 of 3 are away"]


def test_what_others_broke_a_moment_ago_could_not_be_known() -> None:
    story = Story()
    story.wants(3, "b")
    story.is_lost(0)
    story.waits(KNOWN_S / 2)
    story.goes(1)
    assert story.told == []


def test_what_is_too_many_goes_all_at_once() -> None:
    story = Story()
    story.wants(1)
    story.goes(0)
    story.goes(2)
    assert (story.told, dict(story.takings.reasons)) == ([], {"too many": 2})


def test_it_was_too_many_until_another_was_lost_a_moment_ago() -> None:
    story = Story()
    story.wants(2)
    story.is_lost(0)
    story.waits(KNOWN_S / 2)
    story.goes(2)
    assert (story.told, dict(story.takings.reasons)) == ([], {"too many": 1})


def test_what_is_beyond_the_count_goes_though_one_that_is_to_stay_was_lost() -> None:
    """The first ones are its base gang, which stays; but one of them is not taken for another."""
    story = Story()
    story.wants(2)
    story.waits(2 * HEARD_S)
    story.is_lost(0)
    story.waits(2 * KNOWN_S)
    story.goes(2)
    assert (story.told, dict(story.takings.reasons)) == ([], {"too many": 1})
    story.goes(1)
    assert "0/decode/1 was taken for no reason, and 0 of 2 are left; 0/decode/0 was taken by another" in story.told[0]


def test_more_than_is_too_many() -> None:
    story = Story()
    story.wants(2)
    story.waits(2 * HEARD_S)
    story.goes(0)
    story.goes(2)
    assert story.told == ["s/0/decode/2 was taken for no reason, and 1 of 2 are left"]


def test_a_count_that_is_not_heard_of_yet_is_not_held_against_anybody() -> None:
    story = Story()
    story.wants(1)
    story.wants(3)
    story.goes(0)
    story.goes(1)
    assert story.told == []


def test_one_that_is_as_wanted_is_not_to_be_restarted() -> None:
    story = Story()
    story.goes(0)
    assert story.told == ["s/0/decode/0 was taken for no reason, and 2 of 3 are left"]


def test_a_system_that_is_deleted_goes_whole() -> None:
    story = Story()
    story.takings.goes("s")
    for index in range(3):
        story.goes(index)
    assert (story.told, story.takings.taken) == ([], 0)
