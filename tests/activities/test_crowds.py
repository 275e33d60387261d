"""Of many parts on their way at once, which statuses are written now, and which when they have come to rest."""

import asyncio
from collections.abc import Callable

import pytest
import yaml

from activities.cluster.kube import CLIQUE_SETS, CLIQUES, Manifest
from activities.reports.crowds import CROWD, LONGEST_S, Crowds, Told
from activities.reports.reporting import INTERVAL_S
from tests.activities.port import eventually
from tests.activities.test_life import cluster_of, running
from tests.activities.test_set_warming import SetGardener, declared
from tests.specs.test_podcliqueset import one

KEY = ("default", "llama")


def told(passing: int, resting: int = 0, said: int = 0) -> list[Told]:
    """So many on their way, and so many at rest; `said`: that say it already."""
    found: Manifest = {"metadata": {"name": "one"}}
    known = {**found, "status": {"readyReplicas": 1}}
    made = [Told(CLIQUES, found, {"readyReplicas": 1}, passing=True) for _ in range(passing)]
    made += [Told(CLIQUES, found, {"readyReplicas": 1}) for _ in range(resting)]
    return made + [Told(CLIQUES, known, {"readyReplicas": 1}, passing=True) for _ in range(said)]


#                                      told                     written, more to come
AT_ONCE: dict[str, tuple[list[Told], int, bool]] = {
    "few on their way":               (told(CROWD, 3),          CROWD + 3, False),
    "many that say so already":       (told(0, 3, CROWD + 1),   3,         False),
    "a crowd: those that rest":       (told(CROWD + 1, 3),      3,         True),
}  # fmt: skip


@pytest.mark.parametrize(("said", "written", "more"), AT_ONCE.values(), ids=AT_ONCE)
def test_a_crowd_waits_until_it_rests(said: list[Told], written: int, more: bool) -> None:
    due, rest_at = Crowds().due(KEY, said, 100.0)
    assert (len(due), rest_at) == (written, 100.0 + LONGEST_S if more else None)


def test_a_crowd_is_told_of_now_and_then() -> None:
    crowds, crowd = Crowds(), told(CROWD + 1)
    times = (0.0, LONGEST_S - 1, LONGEST_S, LONGEST_S + 1, 2 * LONGEST_S)
    assert [len(crowds.due(KEY, crowd, at)[0]) for at in times] == [0, 0, CROWD + 1, 0, CROWD + 1]


def test_the_time_of_a_crowd_that_has_gone_does_not_count_for_the_next() -> None:
    crowds = Crowds()
    crowds.due(KEY, told(CROWD + 1), 0.0)
    crowds.due(KEY, told(0, 1), 1.0)
    assert crowds.due(KEY, told(CROWD + 1), LONGEST_S)[1] == 2 * LONGEST_S


async def test_each_of_many_cliques_has_its_status_written_once_when_it_has_come_to_rest() -> None:
    many = CROWD + 10
    cluster = cluster_of(many)
    manifest = yaml.safe_load(declared())
    manifest["spec"]["replicas"] = many
    manifest["spec"]["template"]["cliques"][0]["spec"]["replicas"] = 1

    def told_of() -> list[str]:
        return [write.split()[2] for write in cluster.writes if write.startswith("patch podcliques ") and "/status" in write]

    async with running(cluster) as (agent, kubelets):
        kubelets.ready = False
        gardener = SetGardener(agent, one(yaml.safe_dump(manifest)), {"copies": many})
        await gardener.until({"starting": many})
        await asyncio.sleep(2 * INTERVAL_S)
        assert told_of() == []
        assert cluster.all(CLIQUE_SETS)[0]["status"]["availableReplicas"] == 0, "the set itself is told of"
        kubelets.ready = True
        await gardener.until({"ready": many})
        await eventually(lambda: is_so(lambda: len(told_of()) == many))
    assert len(set(told_of())) == many
    assert {each["status"]["readyReplicas"] for each in cluster.all(CLIQUES)} == {1}


async def is_so(look: Callable[[], bool]) -> bool:
    return look()
