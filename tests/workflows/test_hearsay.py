"""What was told unasked is used once, for the right order, and never in place of something newer."""

import pytest

from activities.messages import Observation, Order, Ref
from workflows.hearsay import Hearsay

ORDER = Order(ref=Ref(namespace="default", name="llama"), uid="u", generation=2, revision="r", versions={"pods": 5})
LAST = Observation(versions={"pods": 4, "nodes": 7})


def seen(question: str = ORDER.question, **versions: int) -> Observation:
    return Observation(question=question, versions={"pods": 5, "nodes": 7} | versions)


def test_what_a_nudge_says_is_used_once() -> None:
    hearsay = Hearsay()
    hearsay.nudged(seen())
    assert hearsay.take(ORDER, LAST) == seen()
    assert hearsay.take(ORDER, LAST) is None


USELESS = {
    "older than what was written": seen(pods=4),
    "older than what was seen last": seen(nodes=6),
    "of a kind that it does not know": Observation(question=ORDER.question, versions={"pods": 5}),
    "for an older generation": seen(ORDER.model_copy(update={"generation": 1}).question),
    "for another object of that name": seen(ORDER.model_copy(update={"uid": "v"}).question),
    "for a system that was to stay": seen(ORDER.model_copy(update={"deleting": True}).question),
    "from an agent that says nothing of it": Observation(versions={"pods": 9, "nodes": 9}),
    "that something changed, no more": None,
}


@pytest.mark.parametrize("told", USELESS.values(), ids=USELESS.keys())
def test_what_does_not_answer_is_left(told: Observation | None) -> None:
    hearsay = Hearsay()
    hearsay.nudged(told)
    assert hearsay.take(ORDER, LAST) is None


def test_of_two_nudges_the_newer_counts_and_when_the_later_is_older_somebody_is_asked() -> None:
    hearsay = Hearsay()
    hearsay.nudged(seen(pods=6))
    hearsay.nudged(seen(pods=7))
    assert hearsay.take(ORDER, LAST) == seen(pods=7)
    hearsay.nudged(seen(pods=7))
    hearsay.nudged(seen(pods=6))
    assert hearsay.take(ORDER, LAST) is None


def test_a_nudge_without_words_takes_back_what_was_told_before() -> None:
    hearsay = Hearsay()
    hearsay.nudged(seen())
    hearsay.nudged(None)
    assert hearsay.take(ORDER, LAST) is None


def test_what_a_step_saw_counts_unless_there_was_a_nudge_meanwhile() -> None:
    hearsay = Hearsay()
    hearsay.stepped(seen(), nudged=False)
    assert hearsay.take(ORDER, LAST) == seen()
    hearsay.nudged(seen())
    hearsay.stepped(seen(pods=6), nudged=True)
    assert hearsay.take(ORDER, LAST) is None
