"""What pods do, second by second, as their annotations ask."""

import pytest

from tests.workers.simulated.making import Play, state
from workers.simulated.api import Where
from workers.simulated.kinds import NODES

RUNS, READY = "n0 Running", "n0 Running Ready"
#                        what is asked                                   after so many seconds, it is
STORIES: dict[str, tuple[dict[str, str], list[tuple[float, str]]]] = {
    "nothing":           ({},                                            [(0.0, READY)]),
    "slow":              ({"ready-after": "2s"},                         [(1.5, RUNS), (1.0, READY)]),
    "slow, in ms":       ({"ready-after": "500"},                        [(0.3, RUNS), (0.3, READY)]),
    "never ready":       ({"hang": "true"},                              [(9.0, RUNS)]),
    "crashes once":      ({"crash-after": "1s", "restart-after": "2s"},  [(1.5, RUNS), (2.0, READY), (9.0, READY)]),
    "crashes twice":     ({"crash-after": "1s", "crash-times": "2"},     [(1.05, RUNS), (0.2, READY), (0.9, RUNS)]),
    "fails":             ({"fail-after": "1s"},                          [(0.5, READY), (1.0, "n0 Failed")]),
    "completes":         ({"complete-after": "1s"},                      [(1.5, "n0 Succeeded")]),
    "slow, then fails":  ({"ready-after": "1s", "fail-after": "1s"},     [(1.5, READY), (1.0, "n0 Failed")]),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "story"), STORIES.values(), ids=STORIES)
def test_stories(asked: dict[str, str], story: list[tuple[float, str]]) -> None:
    play = Play()
    play.make("one", asked=asked)
    for seconds, want in story:
        play.pass_(seconds)
        assert state(play.pod("one")) == want


def test_restarts_are_counted() -> None:
    play = Play()
    play.make("one", asked={"crash-after": "1s", "crash-times": "2"})
    play.pass_(5)
    pod = play.pod("one")
    assert pod is not None
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 2


#                       what is asked           grace   gone after
LEAVING: dict[str, tuple[dict[str, str], int, float]] = {
    "at once":          ({},                    30,     0.1),
    "slowly":           ({"stop-after": "3s"},  30,     3.2),
    "not too slowly":   ({"stop-after": "9s"},  4,      4.2),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "grace", "gone_s"), LEAVING.values(), ids=LEAVING)
def test_a_deleted_pod_leaves(asked: dict[str, str], grace: int, gone_s: float) -> None:
    play = Play()
    play.make("one", asked=asked, terminationGracePeriodSeconds=grace)
    play.delete("one")
    if gone_s > 1:
        play.pass_(gone_s - 1)
        assert state(play.pod("one")) == "n0 Running Ready leaving"
    play.pass_(1.2)
    assert play.pod("one") is None


def test_a_new_image_restarts_the_container() -> None:
    play = Play()
    made = play.make("one")
    containers = [{**made["spec"]["containers"][0], "image": "busybox:2"}]
    play.patch("pod", "one", {"spec": {"containers": containers}})
    pod = play.pod("one")
    assert pod is not None
    status = pod["status"]["containerStatuses"][0]
    assert (status["image"], status["restartCount"]) == ("busybox:2", 1)


def test_a_silent_node_does_nothing_until_it_is_back() -> None:
    play = Play(nodes=1)
    play.make("one")
    lost = {"metadata": {"annotations": {"sim.espalier.dev/lost": "true"}}}
    play.patch("node", "n0", lost)
    play.delete("one")
    play.pass_(35)
    assert state(play.pod("one")) == "n0 Running Ready leaving"
    play.pass_(10)
    assert state(play.pod("one")) == "n0 Running leaving", "Kubernetes has found out"
    play.patch("node", "n0", {"metadata": {"annotations": {"sim.espalier.dev/lost": None}}})
    assert play.pod("one") is None


def test_pods_of_a_node_that_is_gone_go_after_forty_seconds() -> None:
    play = Play(nodes=1)
    play.make("one")
    play.cluster.api.delete(Where(NODES, "", "n0"), {})
    play.cluster.settle()
    play.pass_(39)
    assert play.pod("one") is not None
    play.pass_(2)
    assert play.pod("one") is None
