"""The cache's store: whatever comes in whatever order, in the end it is what the server has."""

from collections.abc import Sequence

from activities.cache.store import Change, Store
from activities.cluster.kube import Event, Listing, Manifest
from specs import names

SPACE = "x"


def thing(name: str, version: int, system: str = "", uid: str = "u", **more: object) -> Manifest:
    """An object of a system."""
    metadata = {"namespace": SPACE, "name": name, "uid": uid, "resourceVersion": str(version), "labels": {names.SYSTEM: system}}
    return {"metadata": metadata, **more}


def told(changes: Sequence[Change]) -> list[tuple[str, str]]:
    """Changes as versions: `("", "3")` is a creation, `("3", "")` a deletion."""
    return [(version_of(old), version_of(new)) for old, new in changes]


def version_of(item: Manifest | None) -> str:
    return str(item["metadata"]["resourceVersion"]) if item else ""


def test_events_are_told_once() -> None:
    store = Store()
    assert told(store.event(Event("ADDED", thing("a", 1)))) == [("", "1")]
    assert told(store.event(Event("MODIFIED", thing("a", 2, status=1)))) == [("1", "2")]
    assert told(store.event(Event("MODIFIED", thing("a", 2, status=1)))) == []
    assert told(store.event(Event("DELETED", thing("a", 3)))) == [("2", "")]
    assert told(store.event(Event("DELETED", thing("a", 3)))) == []
    assert (store.version, store.objects) == (3, {})


def test_a_change_of_nothing_but_the_version_is_not_told() -> None:
    store = Store()
    store.event(Event("ADDED", thing("a", 1)))
    assert told(store.event(Event("MODIFIED", thing("a", 2)))) == []
    assert store.objects[SPACE, "a"]["metadata"]["resourceVersion"] == "2"


def test_a_bookmark_moves_the_version_only() -> None:
    store = Store()
    assert told(store.event(Event("BOOKMARK", {"metadata": {"resourceVersion": "9"}}))) == []
    assert store.version == 9


def test_a_list_is_told_as_differences() -> None:
    store = Store()
    store.listed(Listing([thing("a", 1), thing("b", 2)], 5))
    assert told(store.listed(Listing([thing("b", 7, status=1), thing("c", 6)], 8))) == [("1", ""), ("2", "7"), ("", "6")]
    assert told(store.listed(Listing([], 7))) == [], "an older list is old news"
    assert store.version == 8


def test_an_object_made_anew_is_two_changes() -> None:
    store = Store()
    store.listed(Listing([thing("a", 1)], 5))
    assert told(store.listed(Listing([thing("a", 7, uid="v")], 8))) == [("1", ""), ("", "7")]


def test_a_write_is_seen_before_its_echo() -> None:
    store = Store()
    store.listed(Listing([thing("a", 1)], 5))
    assert told(store.written(thing("a", 9, status=1))) == [("1", "9")]
    assert store.version == 5, "others' writes between may be on their way"
    assert told(store.event(Event("MODIFIED", thing("a", 7)))) == [], "older than what we wrote"
    assert told(store.event(Event("MODIFIED", thing("a", 9, status=1)))) == []
    assert store.version == 9


def test_the_answer_to_a_write_does_not_bring_back_the_dead() -> None:
    store = Store()
    store.event(Event("ADDED", thing("a", 6)))
    store.event(Event("DELETED", thing("a", 7)))
    assert told(store.written(thing("a", 6))) == []
    assert store.objects == {}


def test_an_older_list_or_deletion_does_not_undo_a_write() -> None:
    store = Store()
    store.listed(Listing([], 5))
    store.written(thing("a", 9))
    assert told(store.listed(Listing([], 7))) == []
    assert told(store.event(Event("DELETED", thing("a", 8, uid="earlier")))) == []
    assert list(store.objects) == [(SPACE, "a")]


def test_objects_are_found_by_system() -> None:
    store = Store()
    store.listed(Listing([thing("b", 1, "s"), thing("a", 2, "s"), thing("c", 3)], 5))
    assert [each["metadata"]["name"] for each in store.of_system(SPACE, "s")] == ["a", "b"]
    store.event(Event("MODIFIED", thing("a", 6, "t")))
    store.event(Event("DELETED", thing("b", 7, "s")))
    assert store.of_system(SPACE, "s") == []
    assert [each["metadata"]["name"] for each in store.of_system(SPACE, "t")] == ["a"]
