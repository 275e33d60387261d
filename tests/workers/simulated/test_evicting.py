"""Who leaves a node that has a NoExecute taint, and when."""

from typing import Any

import pytest

from tests.workers.simulated.making import Play, state

STAYS, LEAVES = "n0 Running Ready", "gone"
SPARE = {"key": "spare", "value": "yes", "effect": "NoExecute"}
UNREACHABLE = "node.kubernetes.io/unreachable"
MARKED, CANCELLED = "Marking for deletion Pod default/one", "Cancelling deletion of Pod default/one"
LOST = {"metadata": {"annotations": {"sim.espalier.dev/lost": "true"}}}
BACK = {"metadata": {"annotations": {"sim.espalier.dev/lost": None}}}


def bears(key: str = "spare", seconds: int | None = None, **more: str) -> dict[str, Any]:
    limit = {} if seconds is None else {"tolerationSeconds": seconds}
    return {"key": key, "operator": "Exists", **limit, **more}


def taint(play: Play, *taints: dict[str, str]) -> None:
    play.patch("node", "n0", {"spec": {"taints": list(taints)}})


def lone(*tolerations: dict[str, Any], **spec: Any) -> Play:
    """A node, and a pod with these tolerations on it."""
    play = Play(nodes=1)
    play.make("one", tolerations=list(tolerations), **spec)
    return play


#                           what the pod tolerates                               at once   after 4 s   after 11 s
TOLERANCE: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "nothing":              ([],                                                 [LEAVES, LEAVES, LEAVES]),
    "it for ever":          ([bears()],                                          [STAYS, STAYS, STAYS]),
    "everything":           ([{"operator": "Exists"}],                           [STAYS, STAYS, STAYS]),
    "it for 3 s":           ([bears(seconds=3)],                                 [STAYS, LEAVES, LEAVES]),
    "it for no time":       ([bears(seconds=0)],                                 [LEAVES, LEAVES, LEAVES]),
    "less than no time":    ([bears(seconds=-5)],                                [LEAVES, LEAVES, LEAVES]),
    "the first one counts": ([bears(seconds=10), bears(seconds=3)],              [STAYS, STAYS, LEAVES]),
    "another taint":        ([bears("other")],                                   [LEAVES, LEAVES, LEAVES]),
    "another value":        ([{"key": "spare", "value": "no"}],                  [LEAVES, LEAVES, LEAVES]),
    "another effect":       ([bears(effect="NoSchedule")],                       [LEAVES, LEAVES, LEAVES]),
}  # fmt: skip


@pytest.mark.parametrize(("tolerations", "story"), TOLERANCE.values(), ids=TOLERANCE)
def test_a_taint_set_by_hand(tolerations: list[dict[str, Any]], story: list[str]) -> None:
    play = lone(*tolerations)
    taint(play, SPARE)
    for seconds, want in zip((0.1, 3.9, 7), story, strict=True):
        play.pass_(seconds)
        assert state(play.pod("one")) == want


def test_a_taint_that_only_keeps_others_away_evicts_nobody() -> None:
    play = lone()
    taint(play, {**SPARE, "effect": "NoSchedule"})
    assert state(play.pod("one")) == STAYS


def test_a_taint_that_is_taken_away_in_time_is_forgotten() -> None:
    play = lone(bears(seconds=3))
    taint(play, SPARE)
    play.pass_(2)
    taint(play)
    play.pass_(2)
    assert state(play.pod("one")) == STAYS
    taint(play, SPARE)
    play.pass_(2)
    assert state(play.pod("one")) == STAYS, "the time counts anew"
    play.pass_(2)
    assert state(play.pod("one")) == LEAVES
    assert [said for said in play.said("one") if "deletion" in said] == [CANCELLED, MARKED]


def test_a_further_taint_does_not_hasten_an_eviction_that_is_planned_unless_it_is_not_tolerated() -> None:
    play = lone(bears(seconds=6), bears("more", seconds=1))
    taint(play, SPARE)
    taint(play, SPARE, {**SPARE, "key": "more"})
    play.pass_(5)
    assert state(play.pod("one")) == STAYS
    taint(play, SPARE, {**SPARE, "key": "most"})
    assert state(play.pod("one")) == LEAVES


def test_an_evicted_pod_has_its_grace_and_says_why_it_goes() -> None:
    play = lone(terminationGracePeriodSeconds=2)
    play.patch("pod", "one", {"metadata": {"annotations": {"sim.espalier.dev/stop-after": "9s"}}})
    taint(play, SPARE)
    play.pass_(1)
    assert state(play.pod("one")) == "n0 Running Ready leaving"
    assert play.reason("one", "DisruptionTarget") == "DeletionByTaintManager"
    play.pass_(1.2)
    assert state(play.pod("one")) == LEAVES


#                         what the pod tolerates        seconds until it is told to leave
SILENCE: dict[str, tuple[list[dict[str, Any]], float]] = {
    "as every pod does": ([],                           340),
    "a little":          ([bears(UNREACHABLE, 20)],      60),
    "not at all":        ([bears(UNREACHABLE, 0)],       40),
}  # fmt: skip


@pytest.mark.parametrize(("tolerations", "leaves_s"), SILENCE.values(), ids=SILENCE)
def test_a_lost_node_is_left_by_its_pods_but_they_stay_terminating_until_it_is_back(
    tolerations: list[dict[str, Any]], leaves_s: float
) -> None:
    play = lone(*tolerations)
    play.patch("node", "n0", LOST)
    play.pass_(leaves_s - 1)
    assert "leaving" not in state(play.pod("one"))
    play.pass_(2)
    assert state(play.pod("one")) == "n0 Running leaving"
    play.pass_(1_000)
    assert state(play.pod("one")) == "n0 Running leaving"
    play.patch("node", "n0", BACK)
    assert state(play.pod("one")) == LEAVES


def test_a_node_that_is_back_in_time_keeps_its_pods() -> None:
    play = lone()
    play.patch("node", "n0", LOST)
    play.pass_(300)
    play.patch("node", "n0", BACK)
    play.pass_(400)
    assert "leaving" not in state(play.pod("one"))


def test_who_tolerates_a_lost_node_for_ever_stays() -> None:
    play = lone(bears(UNREACHABLE))
    play.patch("node", "n0", LOST)
    play.pass_(1_000)
    assert state(play.pod("one")) == "n0 Running"


def test_a_pod_that_leaves_with_a_finalizer_goes_with_the_finalizer() -> None:
    play = lone()
    play.patch("pod", "one", {"metadata": {"finalizers": ["tests.espalier.dev/hold"]}})
    taint(play, SPARE)
    assert state(play.pod("one")) == "n0 Running Ready leaving"
    play.patch("pod", "one", {"metadata": {"finalizers": None}})
    assert state(play.pod("one")) == LEAVES


#                                     what it says                                       tolerations that are added
ADDED: dict[str, tuple[list[dict[str, Any]], int]] = {
    "nothing":                       ([],                                                2),
    "one of them":                   ([bears(UNREACHABLE)],                              1),
    "one of them, another effect":   ([bears(UNREACHABLE, effect="NoSchedule")],         2),
    "everything":                    ([{"operator": "Exists"}],                          0),
}  # fmt: skip


@pytest.mark.parametrize(("tolerations", "count"), ADDED.values(), ids=ADDED)
def test_every_pod_tolerates_a_lost_node_for_five_minutes_unless_it_says_otherwise(
    tolerations: list[dict[str, Any]], count: int
) -> None:
    pod = lone(*tolerations).pod("one")
    assert pod is not None
    assert [each.get("tolerationSeconds") for each in pod["spec"]["tolerations"][len(tolerations) :]] == [300] * count
