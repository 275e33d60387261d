"""The cache's store against a server with a history: whatever comes in whatever order, it holds what the server had."""

from collections.abc import Sequence

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from activities.cache.store import Change, Key, Store
from activities.cluster.kube import Event, Listing, Manifest
from specs import names
from tests.activities.test_store import SPACE, thing


class StoreAgainstServer(RuleBasedStateMachine):
    """A server with a history, a watch on it, and a store that is told of it in every way there is.

    Rules that begin with `server` change the server; the others tell the store. Whenever the store's version is the server's, it
    holds what the server has, apart from nothing; and those who were told of every change know the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self.version = 0
        self.uids = 0
        self.objects: dict[str, Manifest] = {}
        self.history: list[Event] = []
        self.lists: list[Listing] = [Listing([], 0)]
        self.answers: list[Manifest] = []
        self.watched = 0
        self.store = Store()
        self.told: dict[Key, Manifest] = {}

    @rule(name=st.sampled_from("abc"), system=st.sampled_from(["", "s", "t"]), answered=st.booleans())
    def server_writes(self, name: str, system: str, answered: bool) -> None:
        self.version += 1
        old = self.objects.get(name)
        self.uids += old is None
        uid = old["metadata"]["uid"] if old else f"u{self.uids}"
        self.objects[name] = thing(name, self.version, system, uid, status=self.version // 2)
        self.history.append(Event("MODIFIED" if old else "ADDED", self.objects[name]))
        if answered:
            self.answers.append(self.objects[name])

    @rule(name=st.sampled_from("abc"))
    def server_deletes(self, name: str) -> None:
        old = self.objects.pop(name, None)
        if old is not None:
            self.version += 1
            metadata = {**old["metadata"], "resourceVersion": str(self.version)}
            self.history.append(Event("DELETED", {**old, "metadata": metadata}))

    @rule()
    def server_makes_a_list(self) -> None:
        self.lists.append(Listing(list(self.objects.values()), self.version))

    @rule()
    def other_kinds_move_the_version(self) -> None:
        self.version += 1

    @precondition(lambda self: self.watched < len(self.history))
    @rule(count=st.integers(1, 3))
    def watch_tells(self, count: int) -> None:
        for event in self.history[self.watched : self.watched + count]:
            self.take(self.store.event(event))
        self.watched = min(self.watched + count, len(self.history))

    @precondition(lambda self: self.watched == len(self.history))
    @rule()
    def watch_bookmarks(self) -> None:
        self.take(self.store.event(Event("BOOKMARK", {"metadata": {"resourceVersion": str(self.version)}})))

    @rule(back=st.integers(0, 5))
    def watch_is_resumed(self, back: int) -> None:
        """From the store's version, or earlier: then some events come twice."""
        since = max(0, self.store.version - back)
        self.watched = sum(int(event.object["metadata"]["resourceVersion"]) <= since for event in self.history)

    @rule(data=st.data())
    def a_list_arrives(self, data: st.DataObject) -> None:
        """Any list made so far, beside the watch or instead of it."""
        self.take(self.store.listed(data.draw(st.sampled_from(self.lists))))

    @precondition(lambda self: self.answers)
    @rule(data=st.data())
    def an_answer_arrives(self, data: st.DataObject) -> None:
        self.take(self.store.written(data.draw(st.sampled_from(self.answers))))

    def take(self, changes: Sequence[Change]) -> None:
        for old, new in changes:
            metadata = (new or old or {})["metadata"]
            key = (metadata["namespace"], metadata["name"])
            known = self.told.pop(key, None)
            assert (known is None) == (old is None)
            if known is not None and old is not None:
                assert known["metadata"]["uid"] == old["metadata"]["uid"]
            if new is not None:
                self.told[key] = new

    @invariant()
    def whoever_was_told_knows_what_is_kept(self) -> None:
        assert {key: content(item) for key, item in self.told.items()} == {
            key: content(item) for key, item in self.store.objects.items()
        }

    @invariant()
    def the_index_is_the_store(self) -> None:
        for system in ("s", "t"):
            members = [item for item in self.store.objects.values() if item["metadata"]["labels"][names.SYSTEM] == system]
            assert list(self.store.of_system(SPACE, system)) == sorted(members, key=lambda item: str(item["metadata"]["name"]))

    @invariant()
    def what_is_in_is_what_the_server_had(self) -> None:
        """At the store's version, but for answers to later writes."""
        then: dict[Key, Manifest] = {}
        for event in self.history:
            version, name = int(event.object["metadata"]["resourceVersion"]), event.object["metadata"]["name"]
            if version <= self.store.version:
                then.pop((SPACE, name), None)
                if event.type != "DELETED":
                    then[SPACE, name] = event.object
        early = {
            key: item for key, item in self.store.objects.items() if int(item["metadata"]["resourceVersion"]) > self.store.version
        }
        assert self.store.objects == {**then, **early}
        assert all(item in self.answers for item in early.values())

    def teardown(self) -> None:
        """Told of all the rest, it is what the server has."""
        for event in self.history[self.watched :]:
            self.take(self.store.event(event))
        self.take(self.store.event(Event("BOOKMARK", {"metadata": {"resourceVersion": str(self.version)}})))
        if self.store.version == self.version:
            assert self.store.objects == {(SPACE, name): item for name, item in self.objects.items()}


def content(item: Manifest) -> Manifest:
    """All but the version."""
    return {**item, "metadata": {**item["metadata"], "resourceVersion": ""}}


TestStoreAgainstServer = StoreAgainstServer.TestCase
TestStoreAgainstServer.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
