"""What every server behind the `Kube` port must answer for single objects and for lists."""

import asyncio
from contextlib import suppress

import pytest

from activities.cluster.credentials import Access
from activities.cluster.http import HttpKube
from activities.cluster.kube import CONFIG_MAPS, PODS, AlreadyThere, Expired, Kind, NotThere, Overtaken, Refused
from activities.cluster.wire import Limits
from tests.activities.port import config, eventually, gated_pod, gone, widget


async def test_what_is_created_can_be_read(kube: HttpKube, room: str) -> None:
    made = await kube.create(CONFIG_MAPS, config(room, "one", word="hello"))
    found = await kube.get(CONFIG_MAPS, "one", room)
    assert found["data"] == {"word": "hello"}
    assert found["metadata"]["uid"] == made["metadata"]["uid"]
    assert int(found["metadata"]["resourceVersion"]) > 0


async def test_a_name_is_given_once(kube: HttpKube, room: str) -> None:
    await kube.create(CONFIG_MAPS, config(room, "one"))
    with pytest.raises(AlreadyThere) as refusal:
        await kube.create(CONFIG_MAPS, config(room, "one"))
    assert (refusal.value.status, refusal.value.reason) == (409, "AlreadyExists")


async def test_what_is_not_there(kube: HttpKube, room: str) -> None:
    with pytest.raises(NotThere):
        await kube.get(CONFIG_MAPS, "none", room)
    with pytest.raises(NotThere):
        await kube.patch(CONFIG_MAPS, "none", {"data": {"word": "hello"}}, room)
    with pytest.raises(NotThere):
        await kube.create(CONFIG_MAPS, config("no-such-namespace", "one"))


async def test_an_unknown_kind_is_not_there(kube: HttpKube, room: str) -> None:
    unknown = Kind("nobody.example/v1", "Thing", "things")
    with pytest.raises(NotThere):
        await kube.get(unknown, "one", room)
    with pytest.raises(NotThere):
        await kube.list(unknown)
    with pytest.raises(NotThere):
        async with kube.watch(unknown, 1):
            pass
    await kube.delete(unknown, "one", room)
    await kube.delete_all(unknown, room, "of=anybody")


async def test_an_invalid_object_is_refused_with_the_servers_sentence(kube: HttpKube, room: str) -> None:
    with pytest.raises(Refused, match="lowercase RFC 1123") as refusal:
        await kube.create(CONFIG_MAPS, config(room, "Not_A_Name"))
    assert refusal.value.status == 422


async def test_a_list_is_read_in_pages(server: Access, room: str) -> None:
    async with HttpKube(server, limits=Limits(page=3)) as kube:
        await asyncio.gather(*(kube.create(CONFIG_MAPS, config(room, f"c{i}")) for i in range(10)))
        listing = await kube.list(CONFIG_MAPS, room)
    ours = [item for item in listing.items if item["metadata"]["name"].startswith("c")]
    assert [item["metadata"]["name"] for item in ours] == [f"c{i}" for i in range(10)]
    assert {(item["apiVersion"], item["kind"]) for item in ours} == {("v1", "ConfigMap")}
    assert listing.version >= max(int(item["metadata"]["resourceVersion"]) for item in ours)


async def test_a_list_takes_a_selector(kube: HttpKube, room: str) -> None:
    for name, team in (("one", "red"), ("two", "blue"), ("three", "red")):
        await kube.create(CONFIG_MAPS, config(room, name, {"team": team}))
    found = await kube.list(CONFIG_MAPS, room, "team=red")
    assert sorted(item["metadata"]["name"] for item in found.items) == ["one", "three"]


async def test_a_list_is_no_older_than_the_last_write(kube: HttpKube, room: str) -> None:
    for index in range(5):
        made = await kube.create(CONFIG_MAPS, config(room, f"c{index}"))
        listing = await kube.list(CONFIG_MAPS, room)
        assert listing.version >= int(made["metadata"]["resourceVersion"])
        assert f"c{index}" in [item["metadata"]["name"] for item in listing.items]


async def test_apply_owns_what_it_says(kube: HttpKube, room: str) -> None:
    first = await kube.apply(CONFIG_MAPS, config(room, "one", a="1", b="1"), manager="red")
    again = await kube.apply(CONFIG_MAPS, config(room, "one", a="1", b="1"), manager="red")
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"], "the same intent is no write"
    less = await kube.apply(CONFIG_MAPS, config(room, "one", a="2"), manager="red")
    assert less["data"] == {"a": "2"}, "what is no longer said is taken away"


async def test_apply_without_force_meets_the_other_owner(kube: HttpKube, room: str) -> None:
    await kube.apply(CONFIG_MAPS, config(room, "one", a="1"), manager="red")
    with pytest.raises(Overtaken, match="red"):
        await kube.apply(CONFIG_MAPS, config(room, "one", a="2"), manager="blue", force=False)
    taken = await kube.apply(CONFIG_MAPS, config(room, "one", a="2"), manager="blue")
    assert taken["data"] == {"a": "2"}


async def test_replace_is_for_the_version_that_was_read(kube: HttpKube, room: str) -> None:
    made = await kube.create(CONFIG_MAPS, config(room, "one", a="1"))
    await kube.replace(CONFIG_MAPS, {**made, "data": {"a": "2"}})
    with pytest.raises(Overtaken):
        await kube.replace(CONFIG_MAPS, {**made, "data": {"a": "3"}})
    assert (await kube.get(CONFIG_MAPS, "one", room))["data"] == {"a": "2"}


async def test_replace_of_what_is_gone_is_not_there(kube: HttpKube, room: str) -> None:
    made = await kube.create(CONFIG_MAPS, config(room, "one"))
    await kube.delete(CONFIG_MAPS, "one", room)
    with pytest.raises((NotThere, Overtaken)):
        await kube.replace(CONFIG_MAPS, made)


async def test_a_failed_test_of_a_json_patch_is_overtaken(kube: HttpKube, room: str) -> None:
    await kube.create(CONFIG_MAPS, config(room, "one", a="1"))
    change = {"op": "replace", "path": "/data/a", "value": "2"}
    await kube.patch(CONFIG_MAPS, "one", [{"op": "test", "path": "/data/a", "value": "1"}, change], room)
    with pytest.raises(Overtaken):
        await kube.patch(CONFIG_MAPS, "one", [{"op": "test", "path": "/data/a", "value": "1"}, change], room)


async def test_an_invalid_json_patch_is_refused(kube: HttpKube, room: str) -> None:
    await kube.create(CONFIG_MAPS, config(room, "one", a="1"))
    with pytest.raises(Refused) as refusal:
        await kube.patch(CONFIG_MAPS, "one", [{"op": "replace", "path": "/nothing/here", "value": 1}], room)
    assert not isinstance(refusal.value, Overtaken)
    await kube.create(PODS, gated_pod(room, "one"))
    test = {"op": "test", "path": "/metadata/name", "value": "one"}
    with pytest.raises(Refused, match="invalid") as refusal:
        await kube.patch(PODS, "one", [test, {"op": "replace", "path": "/spec/containers/0/name", "value": "B_"}], room)
    assert not isinstance(refusal.value, Overtaken), "its test held"


async def test_a_merge_patch_may_have_preconditions(kube: HttpKube, room: str) -> None:
    made = await kube.create(CONFIG_MAPS, config(room, "one", a="1"))
    version = {"resourceVersion": made["metadata"]["resourceVersion"]}
    await kube.patch(CONFIG_MAPS, "one", {"metadata": version, "data": {"a": "2"}}, room)
    with pytest.raises(Overtaken):
        await kube.patch(CONFIG_MAPS, "one", {"metadata": version, "data": {"a": "3"}}, room)
    with pytest.raises(Overtaken):
        await kube.patch(CONFIG_MAPS, "one", {"metadata": {"uid": "that-of-another"}, "data": {"a": "3"}}, room)


async def test_status_is_written_by_itself(kube: HttpKube, room: str, widgets: Kind) -> None:
    await kube.create(widgets, {**widget(room, "one", 2), "status": {"replicas": 9}})
    assert "status" not in await kube.get(widgets, "one", room), "a creation has no status"
    after = await kube.patch(widgets, "one", {"spec": {"replicas": 5}, "status": {"replicas": 2}}, room, "status")
    assert (after["spec"]["replicas"], after["status"]["replicas"]) == (2, 2)
    after = await kube.apply(widgets, {**widget(room, "one"), "status": {"seen": 1}}, manager="red", subresource="status")
    assert after["status"] == {"replicas": 2, "seen": 1}
    after = await kube.replace(widgets, {**after, "status": {"replicas": 3}}, subresource="status")
    assert (after["spec"]["replicas"], after["status"]) == (2, {"replicas": 3})


async def test_scale_is_a_door_to_replicas(kube: HttpKube, room: str, widgets: Kind) -> None:
    await kube.create(widgets, widget(room, "one", 2))
    scale = await kube.patch(widgets, "one", {"spec": {"replicas": 7}}, room, "scale")
    assert (scale["kind"], scale["spec"]["replicas"]) == ("Scale", 7)
    assert (await kube.get(widgets, "one", room))["spec"]["replicas"] == 7


async def test_a_deletion_may_be_of_what_was_seen(kube: HttpKube, room: str) -> None:
    made = await kube.create(CONFIG_MAPS, config(room, "one"))
    seen = {"uid": made["metadata"]["uid"], "version": made["metadata"]["resourceVersion"]}
    changed = await kube.patch(CONFIG_MAPS, "one", {"data": {"key": "other"}}, room)
    with pytest.raises(Overtaken):
        await kube.delete(CONFIG_MAPS, "one", room, **seen)
    assert not await gone(kube, CONFIG_MAPS, "one", room)
    await kube.delete(CONFIG_MAPS, "one", room, **{**seen, "version": changed["metadata"]["resourceVersion"]})
    assert await gone(kube, CONFIG_MAPS, "one", room)


async def test_deletion_is_of_one_object_not_of_a_name(kube: HttpKube, room: str) -> None:
    made = await kube.create(CONFIG_MAPS, config(room, "one"))
    await kube.delete(CONFIG_MAPS, "one", room, uid="that-of-another")
    assert not await gone(kube, CONFIG_MAPS, "one", room)
    await kube.delete(CONFIG_MAPS, "one", room, uid=made["metadata"]["uid"])
    assert await gone(kube, CONFIG_MAPS, "one", room)
    await kube.delete(CONFIG_MAPS, "one", room)
    await kube.delete(CONFIG_MAPS, "one", room, uid=made["metadata"]["uid"])


async def test_deletion_takes_what_it_owns_in_the_background(kube: HttpKube, room: str) -> None:
    owner = await kube.create(CONFIG_MAPS, config(room, "owner"))
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    owned = config(room, "owned")
    owned["metadata"]["ownerReferences"] = [reference]
    await kube.create(CONFIG_MAPS, owned)
    await kube.delete(CONFIG_MAPS, "owner", room)
    await eventually(lambda: gone(kube, CONFIG_MAPS, "owned", room))


async def test_delete_all_is_of_a_selector(kube: HttpKube, room: str) -> None:
    for name, team in (("one", "red"), ("two", "blue"), ("three", "red")):
        await kube.create(CONFIG_MAPS, config(room, name, {"team": team}))
    await kube.delete_all(CONFIG_MAPS, room, "team=red")
    assert await gone(kube, CONFIG_MAPS, "one", room)
    assert await gone(kube, CONFIG_MAPS, "three", room)
    assert not await gone(kube, CONFIG_MAPS, "two", room)


async def test_delete_all_as_of_a_version_takes_nothing_that_was_made_later(kube: HttpKube, room: str) -> None:
    for name in ("one", "two"):
        await kube.create(CONFIG_MAPS, config(room, name, {"team": "red"}))
    seen = (await kube.list(CONFIG_MAPS, room)).version
    await kube.delete(CONFIG_MAPS, "two", room)
    await kube.create(CONFIG_MAPS, config(room, "three", {"team": "red"}))
    await kube.delete_all(CONFIG_MAPS, room, "team=red", as_of=seen)
    assert await gone(kube, CONFIG_MAPS, "one", room)
    assert not await gone(kube, CONFIG_MAPS, "three", room)
    with suppress(Expired):  # or nothing was there then
        await kube.delete_all(CONFIG_MAPS, room, "team=red", as_of=1)
    assert not await gone(kube, CONFIG_MAPS, "three", room)


async def test_a_stranger_is_refused_without_naming_the_token(stranger: HttpKube) -> None:
    with pytest.raises(Refused) as refusal:
        await stranger.list(CONFIG_MAPS, "default")
    assert refusal.value.status == 401
    assert "not-a-token" not in str(refusal.value)


async def test_to_be_deleted_counts_as_an_edit(kube: HttpKube, room: str, widgets: Kind) -> None:
    """Of what a finalizer keeps: its generation rises, once."""
    await kube.create(widgets, widget(room, "w"))
    kept = await kube.patch(widgets, "w", {"metadata": {"finalizers": ["test.espalier.dev/keep"]}}, room)
    for _ in range(2):
        await kube.delete(widgets, "w", room)
        assert (await kube.get(widgets, "w", room))["metadata"]["generation"] == kept["metadata"]["generation"] + 1
    await kube.patch(widgets, "w", {"metadata": {"finalizers": None}}, room)
    await eventually(lambda: gone(kube, widgets, "w", room))


async def test_a_scale_is_put_as_autoscalers_do(kube: HttpKube, room: str, widgets: Kind) -> None:
    """KEDA and the controller-manager write it whole; who has read an older one tries again."""
    made = await kube.create(widgets, widget(room, "one"))
    metadata = {"name": "one", "namespace": room, "resourceVersion": made["metadata"]["resourceVersion"]}
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata, "spec": {"replicas": 7}}
    assert (await kube.replace(widgets, scale, subresource="scale"))["spec"]["replicas"] == 7
    assert (await kube.get(widgets, "one", room))["spec"]["replicas"] == 7
    with pytest.raises(Overtaken):
        await kube.replace(widgets, {**scale, "spec": {"replicas": 2}}, subresource="scale")
