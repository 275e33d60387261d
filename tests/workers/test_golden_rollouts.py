"""How a new template reaches what runs, case by case as the neighbours' own tests have it, with kubectl on a real API server."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.cluster.nodes import cordon
from tests.workers.filming import Frame, filming, now, of
from tests.workers.living import SETTLED_S
from tests.workers.tenancy import SYSTEM, says

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(180)]
PAIR: tuple[str, ...] = ("prefill", "decode")
Counts = Mapping[str, int]


def declared(image: str, counts: Counts, rules: Mapping[str, Any] | None = None, pod: Json | None = None, **spec: Any) -> Json:
    """Roles of so many pods, all of this image; `pod`: more of its spec, or annotations of the fake kubelets."""
    asked = {"sim.espalier.dev/ready-after": "200ms", **(pod or {}).get("annotations", {})}
    more = {key: value for key, value in (pod or {}).items() if key != "annotations"}
    container = {"name": "main", "image": f"server:{image}", "resources": {"requests": {"cpu": more.pop("cpu", "1")}}}
    template = {
        "metadata": {"annotations": asked},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container], **more},
    }
    members = [{"role": name, "replicas": count, "minAvailable": 0, "template": template} for name, count in counts.items()]
    system = {"apiVersion": "espalier.dev/v1alpha1", "kind": "InferenceSystem", "metadata": {"name": "llama"}}
    return {**system, "spec": {"members": members, "rollout": dict(rules or {}), **spec}}


async def apply(kubectl: Kubectl, manifest: Json) -> None:
    await kubectl("apply", "-f", "-", given=yaml.safe_dump(manifest))


async def settled(kubectl: Kubectl, api: Api, wanted: Mapping[str, str]) -> Frame:
    """Member -> the images of its pods by index, all of them Ready and nothing more to be done."""
    expected = {f"{member}/{index}": image for member, images in wanted.items() for index, image in enumerate(images)}
    found: Frame = {}

    async def so() -> bool:
        nonlocal found
        found = await now(api)
        as_wanted = {slot: each.image for slot, each in found.items()} == expected
        return as_wanted and all(each.ready for each in found.values())

    try:
        await eventually(so, SETTLED_S)
    except AssertionError as error:
        status = await kubectl("get", SYSTEM, "-o", "jsonpath={.status}")
        raise AssertionError(f"wanted {expected}, saw {found}; {status}") from error
    return found


#       units rules                                    most  fewest ready
SURGES = {
    "R1": (4, {"maxUnavailable": 0, "maxSurge": 2},    6,    4),
    "R2": (4, {"maxUnavailable": 2, "maxSurge": 2},    6,    2),
    "R3": (2, {"maxUnavailable": 1, "maxSurge": 4},    4,    1),
}  # fmt: skip


@pytest.mark.parametrize(("units", "rules", "most", "fewest"), SURGES.values(), ids=SURGES)
async def test_surge(units: int, rules: Json, most: int, fewest: int, racks: Api, kubectl: Kubectl) -> None:
    await apply(kubectl, declared("1", {"server": units}, rules))
    await settled(kubectl, racks, {"server": "1" * units})
    async with filming(racks) as film:
        await apply(kubectl, declared("2", {"server": units}, rules))
        await settled(kubectl, racks, {"server": "2" * units})
    assert max(film.total("server")) == most
    assert min(film.ready("server")) >= fewest


async def test_each_copy_has_its_surge_while_it_is_updated(racks: Api, kubectl: Kubectl) -> None:
    rules, members = {"maxUnavailable": 0, "maxSurge": 1}, ("server", "1/server")
    await apply(kubectl, declared("1", {"server": 2}, rules, replicas=2))
    await settled(kubectl, racks, dict.fromkeys(members, "11"))
    async with filming(racks) as film:
        await apply(kubectl, declared("2", {"server": 2}, rules, replicas=2))
        await settled(kubectl, racks, dict.fromkeys(members, "22"))
    for member in members:
        assert (min(film.ready(member)), max(film.total(member))) == (2, 3)


async def test_r4_k1_k2_k3_the_partition_keeps_old_ones_old_until_it_is_lowered(racks: Api, kubectl: Kubectl) -> None:
    await apply(kubectl, declared("1", {"server": 5}))
    await settled(kubectl, racks, {"server": "11111"})
    await apply(kubectl, declared("2", {"server": 5}, {"partition": 3}))
    kept = await settled(kubectl, racks, {"server": "11122"})
    (lost,) = (name for name in await named(kubectl) if name.startswith("llama-0-server-1-"))
    await kubectl("delete", "pod", lost)
    await eventually(lambda: renewed(racks, "server/1", kept["server/1"].uid), SETTLED_S)
    await settled(kubectl, racks, {"server": "11122"})
    await kubectl("scale", "ism/llama.server", "--replicas=7")
    await settled(kubectl, racks, {"server": "1112222"})
    await kubectl("scale", "ism/llama.server", "--replicas=5")
    back = await settled(kubectl, racks, {"server": "11122"})
    assert {slot for slot in kept if kept[slot].uid != back[slot].uid} == {"server/1"}
    await apply(kubectl, declared("2", {"server": 5}, {"partition": 0}))
    end = await settled(kubectl, racks, {"server": "22222"})
    assert [end[f"server/{index}"].uid for index in (3, 4)] == [back[f"server/{index}"].uid for index in (3, 4)]


async def renewed(api: Api, slot: str, uid: str) -> bool:
    found = (await now(api)).get(slot)
    return found is not None and found.uid != uid


async def named(kubectl: Kubectl) -> list[str]:
    found = json.loads(await kubectl("get", "pods", "-l", "espalier.dev/system=llama", "-o", "json"))["items"]
    return [pod["metadata"]["name"] for pod in found]


async def test_r6_updated_counts_never_differ_by_more_than_max_skew(racks: Api, kubectl: Kubectl) -> None:
    rules, counts = {"maxSkew": 1, "maxUnavailable": 3}, {"prefill": 4, "decode": 4}
    await apply(kubectl, declared("1", counts, rules))
    await settled(kubectl, racks, {"prefill": "1111", "decode": "1111"})
    async with filming(racks) as film:
        await apply(kubectl, declared("2", counts, rules))
        await settled(kubectl, racks, {"prefill": "2222", "decode": "2222"})
    assert max(abs(prefill - decode) for prefill, decode in film.counts(*PAIR, image="1")) <= 1


async def test_r10_r12_the_last_of_several_edits_wins_and_other_roles_keep_their_pods(racks: Api, kubectl: Kubectl) -> None:
    manifest = declared("1", {"prefill": 4, "decode": 2})
    await apply(kubectl, manifest)
    before = await settled(kubectl, racks, {"prefill": "1111", "decode": "11"})
    async with filming(racks) as film:
        for image in ("2", "3", "4"):
            manifest["spec"]["members"][0] = declared(image, {"prefill": 4})["spec"]["members"][0]
            await apply(kubectl, manifest)
        after = await settled(kubectl, racks, {"prefill": "4444", "decode": "11"})
    assert {slot for slot in before if before[slot].uid == after[slot].uid} == {"decode/0", "decode/1"}
    assert list(film.made.values()).count("4") == 4, "what was right is made once"


async def test_r11_scaled_while_it_rolls(racks: Api, kubectl: Kubectl) -> None:
    await apply(kubectl, declared("1", {"server": 4}))
    await settled(kubectl, racks, {"server": "1111"})
    await apply(kubectl, declared("2", {"server": 4}))
    await eventually(lambda: some(racks, "2"), SETTLED_S)
    await kubectl("scale", "ism/llama.server", "--replicas=6")
    await settled(kubectl, racks, {"server": "222222"})
    await apply(kubectl, declared("3", {"server": 4}))
    await eventually(lambda: some(racks, "3"), SETTLED_S)
    await kubectl("scale", "ism/llama.server", "--replicas=3")
    await eventually(lambda: all_are(racks, 3, "3"), SETTLED_S)


async def some(api: Api, image: str) -> bool:
    return any(each.image == image for each in (await now(api)).values())


async def all_are(api: Api, count: int, image: str) -> bool:
    """Whichever indexes stay."""
    return [(each.image, each.ready) for each in (await now(api)).values()] == [(image, True)] * count


async def test_r17_a_lost_pod_returns_to_its_node_unless_that_is_closed_and_waits_where_it_must_be_there(
    racks: Api, kubectl: Kubectl
) -> None:
    await apply(kubectl, declared("1", {"server": 1}))
    first = (await settled(kubectl, racks, {"server": "1"}))["server/0"]
    await kubectl("delete", "pod", *await named(kubectl))
    await eventually(lambda: renewed(racks, "server/0", first.uid), SETTLED_S)
    again = (await settled(kubectl, racks, {"server": "1"}))["server/0"]
    assert again.node == first.node
    await cordon(racks, again.node)
    await kubectl("delete", "pod", *await named(kubectl))
    await eventually(lambda: renewed(racks, "server/0", again.uid), SETTLED_S)
    elsewhere = (await settled(kubectl, racks, {"server": "1"}))["server/0"]
    assert elsewhere.node != first.node
    must = {"nodeSelector": {"kubernetes.io/hostname": first.node}}
    await apply(kubectl, declared("1", {"server": 1}, pod=must))
    await says(kubectl, "the unit of 0/server/0 runs on as it is until there is room for it")
    assert (await now(racks))["server/0"].uid == elsewhere.uid


async def test_a1_lower_numbers_first_and_what_has_none_last(racks: Api, kubectl: Kubectl) -> None:
    members: tuple[str, ...] = ("router", *PAIR)
    rules, counts = {"order": {"prefill": 2, "decode": 1}, "maxUnavailable": 2}, dict.fromkeys(members, 2)
    await apply(kubectl, declared("1", counts, rules))
    await settled(kubectl, racks, dict.fromkeys(members, "11"))
    async with filming(racks) as film:
        await apply(kubectl, declared("2", counts, rules))
        await settled(kubectl, racks, dict.fromkeys(members, "22"))
    for earlier, later in (("decode", "prefill"), ("prefill", "router")):
        for frame in film.frames:
            done = all(each.image == "2" for each in of(frame, earlier)) and len(of(frame, earlier)) == 2
            assert done or [each.image for each in of(frame, later)] == ["1", "1"]


async def test_d6_who_grows_while_it_rolls_never_falls_below_what_it_had(racks: Api, kubectl: Kubectl) -> None:
    rules, counts = {"maxUnavailable": 0, "maxSurge": 2}, {"prefill": 8, "decode": 4}
    await apply(kubectl, declared("1", counts, rules))
    await settled(kubectl, racks, {"prefill": "1" * 8, "decode": "1" * 4})
    async with filming(racks) as film:
        await apply(kubectl, declared("2", counts, rules))
        await kubectl("scale", "ism/llama.prefill", "--replicas=4")
        await kubectl("scale", "ism/llama.decode", "--replicas=8")
        await eventually(lambda: all_are(racks, 12, "2"), SETTLED_S)
    assert (min(film.ready("prefill")), min(film.ready("decode"))) == (4, 4)


async def test_l4_what_is_lost_before_its_turn_comes_back_as_it_was(racks: Api, kubectl: Kubectl) -> None:
    rules = {"pauseAfter": [1]}
    await apply(kubectl, declared("1", {"server": 3}, rules))
    await settled(kubectl, racks, {"server": "111"})
    await apply(kubectl, declared("2", {"server": 3}, rules))
    before = await settled(kubectl, racks, {"server": "211"})
    await says(kubectl, "Step")
    await kubectl("delete", "pod", *[name for name in await named(kubectl) if "-server-2-" in name])
    await eventually(lambda: renewed(racks, "server/2", before["server/2"].uid), SETTLED_S)
    await settled(kubectl, racks, {"server": "211"})


async def test_o2_the_deadline_stands_still_while_it_waits_for_room(racks: Api, kubectl: Kubectl) -> None:
    rules = {"progressDeadline": "1s"}
    await apply(kubectl, declared("1", {"server": 2}, rules))
    await settled(kubectl, racks, {"server": "11"})
    await apply(kubectl, declared("2", {"server": 2}, rules, pod={"cpu": "1000"}))

    async def waits_for_longer() -> bool:
        rollout = json.loads(await kubectl("get", SYSTEM, "-o", "json"))["status"].get("rollout", {})
        assert rollout.get("gate") != "ProgressDeadlineExceeded"
        waited = datetime.now(UTC) - datetime.fromisoformat(rollout.get("since") or datetime.now(UTC).isoformat())
        return "until there is room" in rollout.get("message", "") and waited > timedelta(seconds=3)

    await eventually(waits_for_longer, SETTLED_S)
    await settled(kubectl, racks, {"server": "11"})
    await apply(kubectl, declared("3", {"server": 2}, rules, pod={"annotations": {"sim.espalier.dev/hang": "true"}}))
    await says(kubectl, "ProgressDeadlineExceeded", "espalier rollout undo llama")


async def test_rbg_464_back_to_the_first_template_while_nothing_of_the_second_is_ready(racks: Api, kubectl: Kubectl) -> None:
    """Nobody has to nudge it on, whatever the second edit finds not Ready; what was never touched is left alone."""
    never = {"annotations": {"sim.espalier.dev/hang": "true"}}
    await apply(kubectl, declared("1", {"server": 3}, {"maxUnavailable": 2}))
    before = await settled(kubectl, racks, {"server": "111"})
    await apply(kubectl, declared("2", {"server": 3}, {"maxUnavailable": 2}, pod=never))
    await says(kubectl, "Budget", "2 of 3 units of server are not available")
    await apply(kubectl, declared("1", {"server": 3}, {"maxUnavailable": 2}))
    after = await settled(kubectl, racks, {"server": "111"})
    assert [slot for slot in before if before[slot].uid == after[slot].uid] == ["server/2"]


async def test_rbg_307_max_skew_lets_roles_of_one_pod_go_on(racks: Api, kubectl: Kubectl) -> None:
    rules, counts = {"maxSkew": 1}, {"prefill": 1, "decode": 1}
    await apply(kubectl, declared("1", counts, rules))
    await settled(kubectl, racks, {"prefill": "1", "decode": "1"})
    await apply(kubectl, declared("2", counts, rules))
    await settled(kubectl, racks, {"prefill": "2", "decode": "2"})
