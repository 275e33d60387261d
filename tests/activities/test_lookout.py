"""The lookout: whom a change concerns that is not about an object of theirs."""

from datetime import UTC, datetime
from typing import cast

from activities.cache.census import Census
from activities.cluster.kube import BINDINGS, CLIQUE_SETS, Manifest
from activities.listening.lookout import Ears, Lookout
from tests.activities.test_nudging import ENTITY, Clock, Deaf, Temporal, breath, nudges


async def test_sets_are_told_of_a_binding_because_they_say_which_of_their_levels_there_are() -> None:
    temporal = Temporal(ENTITY)
    binding: Manifest = {"metadata": {"name": "racks"}, "spec": {"levels": []}}
    declared: Manifest = {"metadata": {"namespace": "default", "name": "llama"}, "spec": {}}
    sender = nudges(temporal, Clock())
    lookout = Lookout(Census(lambda: datetime.now(UTC)), sender, cast("Ears", Deaf()))
    lookout.changed(CLIQUE_SETS, None, declared)
    lookout.changed(BINDINGS, None, binding)
    await breath()
    assert temporal.heard == [ENTITY]
    lookout.changed(CLIQUE_SETS, declared, None)
    lookout.changed(BINDINGS, binding, None)
    await breath()
    assert temporal.heard == [ENTITY]
    await sender.close()
