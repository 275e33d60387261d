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


#                               a nudge          the step         counts
MEANWHILE = {
    "the nudge is newer":      (seen(pods=7),    seen(pods=6),    seen(pods=7)),
    "the step is newer":       (seen(pods=6),    seen(pods=7),    seen(pods=7)),
    "neither":                 (seen(pods=7),    seen(nodes=8),   None),
    "the nudge said nothing":  (None,            seen(pods=7),    None),
    "the step does not know":  (seen(pods=7),    None,            None),
}  # fmt: skip


@pytest.mark.parametrize(("nudge", "step", "counts"), MEANWHILE.values(), ids=MEANWHILE.keys())
def test_after_a_nudge_in_mid_step_the_newer_counts(
    nudge: Observation | None, step: Observation | None, counts: Observation | None
) -> None:
    hearsay = Hearsay()
    hearsay.nudged(nudge)
    hearsay.stepped(step, nudged=True)
    assert hearsay.take(ORDER, LAST) == counts


def test_without_a_nudge_the_step_counts_whatever_was_told_before() -> None:
    hearsay = Hearsay()
    hearsay.nudged(seen(pods=9))
    hearsay.stepped(seen(pods=6), nudged=False)
    assert hearsay.take(ORDER, LAST) == seen(pods=6)
