"""What comes in the middle of a rollout: another template, a scale, an undo, a lost pod, a delete. On a cluster in memory."""

import asyncio
from collections.abc import Callable

from activities.cluster.kube import PLACEMENTS, PODS
from specs.system import InferenceSystem
from tests.activities.gardener import Gardener
from tests.activities.memory_kube import MemoryCluster
from tests.activities.test_any_edit import made
from tests.activities.test_edits import declared, fewest_serving, group, kept, role
from tests.activities.test_life import cluster_of
from tests.activities.test_life import running as with_kubelets
from tests.activities.test_repair import running, zones
from tests.activities.test_rollout import edit, facts, images
from workflows.decide import WAIT, next_step


def served(image: str) -> InferenceSystem:
    return declared(role("router"), group("decode", 3, role("worker", 2, image=image)))


def of_image(cluster: MemoryCluster, image: str) -> int:
    return sum(found == image for found in images(cluster).values())


async def step_until(gardener: Gardener, met: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not met():
            await gardener.settle()
            await asyncio.sleep(0.002)


async def test_grove_400_a_second_template_in_mid_rollout_is_where_all_end() -> None:
    """R10: the last one wins, nothing is left of the others, and what has not been touched yet is replaced once."""
    cluster = zones(8)
    async with running(cluster) as agent:
        gardener = Gardener(agent, served("server:1"))
        await gardener.until({"ready": 7})
        before = facts(cluster)
        await edit(gardener, served("server:2"))
        await step_until(gardener, lambda: of_image(cluster, "server:2") > 0)
        so_far, updated = made(cluster), {slot for slot, image in images(cluster).items() if image == "server:2"}
        await edit(gardener, served("server:3"))
        await gardener.until({"ready": 7})
        assert of_image(cluster, "server:3") == 6
        again = made(cluster) - so_far
        assert {again[slot] for slot in before if "router" not in slot} == {1}
        assert updated, "one unit at least was of the second template"
        assert kept(before, facts(cluster)) == {"0/router/0"}
        assert not any(each["spec"].get("revisions") for each in cluster.all(PLACEMENTS))


async def test_grove_565_a_second_template_takes_away_no_more_than_the_budget() -> None:
    """What is new is slow to get Ready, and each edit finds one unit out that its own turn would come to next."""
    cluster = cluster_of(7)
    async with with_kubelets(cluster) as (agent, kubelets):
        gardener = Gardener(agent, served("server:1"))
        await gardener.until({"ready": 7})
        watch = asyncio.create_task(fewest_serving(cluster))
        kubelets.ready = False
        for number in (2, 3, 4):
            await edit(gardener, served(f"server:{number}"))
            await gardener.until({"ready": 5, "starting": 2})
        kubelets.ready = True
        await gardener.until({"ready": 7})
        watch.cancel()
        assert (await watch, of_image(cluster, "server:4")) == (2, 6)


async def test_grove_786_a_rollout_is_not_over_before_its_last_pods_are_ready() -> None:
    cluster = cluster_of(4)
    async with with_kubelets(cluster) as (agent, kubelets):
        gardener = Gardener(agent, declared(role("server", 1, image="server:1")))
        await gardener.until({"ready": 1})
        kubelets.ready = False
        await edit(gardener, declared(role("server", 1, image="server:2")))
        seen = await gardener.until({"starting": 1})
        assert (seen.outdated, of_image(cluster, "server:2")) == (0, 1)
        assert next_step(gardener.order.model_copy(update={"recorded": gardener.generation}), seen).action == WAIT
        kubelets.ready = True
        await gardener.until({"ready": 1})


async def test_a_scale_in_mid_rollout_ends_at_the_new_count_and_the_new_template() -> None:
    """R11."""
    for count in (5, 1):
        cluster = zones(12)
        async with running(cluster) as agent:
            gardener = Gardener(agent, served("server:1"))
            await gardener.until({"ready": 7})
            await edit(gardener, served("server:2"))
            await step_until(gardener, lambda: of_image(cluster, "server:2") > 0)  # noqa: B023 - of this turn
            gardener.counts, gardener.generation = {"decode": count}, gardener.generation + 1
            await gardener.do("record")
            await gardener.until({"ready": 1 + 2 * count})
            assert of_image(cluster, "server:2") == 2 * count


async def test_what_was_not_updated_yet_is_left_alone_by_an_undo() -> None:
    cluster = zones(8)
    async with running(cluster) as agent:
        gardener = Gardener(agent, served("server:1"))
        await gardener.until({"ready": 7})
        before = facts(cluster)
        await edit(gardener, served("server:2"))
        await step_until(gardener, lambda: of_image(cluster, "server:2") > 0)
        await edit(gardener, served("server:1"))
        await gardener.until({"ready": 7})
        assert of_image(cluster, "server:1") == 7
        assert {slot.split("/")[2] for slot in kept(before, facts(cluster)) if "decode" in slot} >= {"1", "2"}


async def test_a_delete_in_mid_rollout_leaves_nothing() -> None:
    cluster = zones(8)
    async with running(cluster) as agent:
        gardener = Gardener(agent, served("server:1"))
        await gardener.until({"ready": 7})
        await edit(gardener, served("server:2"))
        await step_until(gardener, lambda: of_image(cluster, "server:2") > 0)
        gardener.generation += 1
        await gardener.until_gone()
        assert not cluster.all(PODS)
        assert not cluster.all(PLACEMENTS)
