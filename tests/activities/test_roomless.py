"""The deadline's clock beside something that waits for room: it runs while the version itself is at fault."""

from typing import Any

from tests.activities.plot import Plot, declared
from tests.activities.test_rolling import NEW, clock, rolled, upgrade

NO_ROOM = frozenset(f"0/{group}/4/{role}/0" for group in ("decode", "prefill") for role in ("leader", "worker"))


def upgrading(plot: Plot, **rules: Any) -> Plot:
    """A new version of decode, with a deadline, where a fifth replica of anything finds no room."""
    plot.edit(declared("1", decode=NEW, rules={"progressDeadline": "10m", **rules}))
    plot.full, plot.rolls = NO_ROOM, True
    return plot


def scaled_out(**rules: Any) -> Plot:
    """Five replicas are asked for, of which four have room."""
    plot = Plot(declared("1"), full=NO_ROOM)
    plot.counts = {"decode": 5}
    plot.tend()
    return upgrading(plot, maxUnavailable=2, **rules)


def test_a_bad_version_beside_a_scale_out_without_room_fails_in_time() -> None:
    plot = scaled_out()
    plot.bad = {plot.revision}
    plot.update()
    plot.tend()
    assert plot.look()[0].waiting, "the fifth has no room"
    assert clock(plot) == (600.0, False)


def test_time_that_only_room_is_waited_for_does_not_count() -> None:
    plot = scaled_out()
    assert rolled(plot) == 4
    assert (plot.look()[1].outdated, clock(plot)) == (0, (600.0, True))


def test_who_has_lost_its_place_waits_for_room_itself() -> None:
    plot = scaled_out()
    plot.update()
    plot.tend()
    plot.lose("0/decode/0/worker/0")
    assert clock(plot) == (600.0, False)
    plot.full = NO_ROOM | {"0/decode/0/worker/0"}
    plot.tend()
    assert clock(plot) == (600.0, True)


def test_what_was_not_changed_and_breaks_is_not_the_versions_doing() -> None:
    plot = scaled_out()
    plot.lose("0/prefill/2/worker/0")
    assert clock(plot) == (600.0, True)


def test_a_bad_version_beside_surge_without_room_fails_in_time() -> None:
    plot = upgrading(Plot(declared("1")), maxSurge=1, maxUnavailable=1)
    plot.bad = {plot.revision}
    plot.update()
    plot.tend()
    assert "0/decode/4/leader/0" in plot.plan.seats
    assert (clock(plot), plot.images()["decode/0"]) == ((600.0, False), NEW)


def test_with_a_budget_it_goes_on_without_surge_where_that_has_no_room() -> None:
    plot = upgrading(Plot(declared("1")), maxSurge=1, maxUnavailable=1)
    assert rolled(plot) == 4
    assert not any(slot in plot.pods and not plot.pods[slot].gated for slot in NO_ROOM)
    assert plot.look()[1].outdated == 0


def test_without_a_budget_it_waits_for_surge_and_its_clock_stands() -> None:
    plot = upgrading(Plot(declared("1")), maxSurge=1, maxUnavailable=0)
    assert (rolled(plot), clock(plot)) == (0, (600.0, True))


def test_without_anything_that_waits_for_room_all_is_as_ever() -> None:
    plot = upgrade(progressDeadline="10m")
    plot.rolls = True
    assert clock(plot) == (600.0, False)
