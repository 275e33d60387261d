"""Nothing spins, nothing is given up."""

import pytest

from activities.messages import CREATE, REPLACE, Deviant, Observation
from workflows.pacing import LONGEST_S, Pace, Result, facts

SAME, OTHER = "same", "other"


def rests_after(result: Result, tries: int) -> list[float]:
    """How long it rests after each of so many tries in the same situation, each made as soon as it may be."""
    pace, now, found = Pace(), 1_000.0, list[float]()
    for _ in range(tries):
        pace = pace.tried(CREATE, now, SAME, result)
        found.append(pace.tries[CREATE].rest_s)
        now += found[-1]
    return found


def test_what_was_written_in_vain_is_repeated_at_once_and_then_ever_more_slowly() -> None:
    assert rests_after("done", 6) == [0, 0.25, 0.5, 1, 2, 4]
    assert rests_after("done", 30)[-1] == LONGEST_S


def test_what_was_refused_rests_longer() -> None:
    assert rests_after("refused", 4) == [5, 10, 20, 40]
    assert rests_after("refused", 30)[-1] == LONGEST_S


#                                   result     facts now  stirred  later_s  rests
RESTING = {
    "wrote, and it helped":          ("done",    OTHER,     False,   0.0,     False),
    "wrote once, and it did not":    ("done",    SAME,      False,   0.0,     False),
    "had nothing to do":             ("idle",    SAME,      False,   900.0,   True),
    "until something happens":       ("idle",    SAME,      True,    0.0,     False),
    "or has happened":               ("idle",    OTHER,     False,   0.0,     False),
    "was refused":                   ("refused", SAME,      True,    4.9,     True),
    "was refused, whatever happens": ("refused", OTHER,     True,    4.9,     True),
    "but is tried again":            ("refused", SAME,      False,   5.1,     False),
}  # fmt: skip


@pytest.mark.parametrize(("result", "now", "stirred", "later_s", "rests"), RESTING.values(), ids=RESTING)
def test_resting(result: Result, now: str, stirred: bool, later_s: float, rests: bool) -> None:
    pace = Pace().tried(CREATE, 1_000.0, SAME, result)
    assert (CREATE in pace.resting(1_000.0 + later_s, now, stirred=stirred)) is rests


def test_a_second_try_in_vain_rests_whatever_is_nudged() -> None:
    pace = Pace().tried(CREATE, 1_000.0, SAME, "done").tried(CREATE, 1_000.0, SAME, "done")
    assert pace.resting(1_000.1, SAME, stirred=True) == (CREATE,)
    assert pace.resting(1_000.3, SAME) == ()


def test_what_has_not_recurred_for_long_is_forgiven() -> None:
    pace = Pace()
    for minute in range(5):
        pace = pace.tried(REPLACE, 60.0 * minute, SAME, "done")
    assert pace.tries[REPLACE].again == 0


def test_the_next_rest_that_ends_is_waited_for() -> None:
    pace = Pace().tried(CREATE, 1_000.0, SAME, "refused").tried(REPLACE, 1_000.0, SAME, "idle")
    assert pace.next_s(1_000.0, 15) == 5
    assert pace.next_s(1_006.0, 15) == 15


def test_facts_are_counts_and_broken_slots_not_words_and_versions() -> None:
    seen = Observation(
        exists=True, roles={"worker": {"ready": 2, "failed": 1}}, deviants=(Deviant(slot="0/worker/1", state="failed"),)
    )
    again = seen.model_copy(
        update={"versions": {"pods": 7}, "deviants": (Deviant(slot="0/worker/1", pod="w-2", state="failed"),)}
    )
    other = seen.model_copy(update={"deviants": (Deviant(slot="0/worker/2", state="failed"),)})
    assert facts(seen) == facts(again) != facts(other)
