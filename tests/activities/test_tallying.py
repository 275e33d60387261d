"""Of which revision each unit is: `decode` of several versions, by hand."""

from typing import Any

from activities.messages import Observation, OfRevision, Order, Ref
from activities.reports.statuses import status_of
from activities.state.tallying import lines, older
from activities.steps.observing import bounded
from specs.paths import roles
from tests.activities.plot import START, Plot, declared
from tests.activities.test_rolling import rolled, upgrade


def table(plot: Plot, **numbers: int) -> list[tuple[str, int, int, str]]:
    """Image of decode, number, units, the first."""
    known = {revision: dict(roles(system.spec))["decode/leader"].template for revision, system in plot.known.items()}
    images = {revision: str(template["spec"]["containers"][0]["image"]) for revision, template in known.items()}
    of = plot.look()[1].of
    found = lines(of, {revision: numbers.get(f"v{image}", 0) for revision, image in images.items()})
    return [(images[each.revision], each.number, each.units, each.first) for each in found]


def test_while_it_rolls_each_revision_says_how_many_units_it_has() -> None:
    plot = upgrade()
    plot.update()
    assert table(plot, v1=1, v2=2) == [("2", 2, 5, "0/decode/0"), ("1", 1, 3, "0/decode/1")]
    assert list(older(plot.look()[1].of)) == [f"0/decode/{unit}" for unit in (1, 2, 3)]
    rolled(plot)
    assert (table(plot), plot.look()[1].of) == ([], {}), "nothing is told where all are of one"


def test_a_third_comes_first_and_then_the_newest() -> None:
    plot = upgrade()
    plot.update()
    plot.tend()
    plot.edit(declared("1", decode="3", rules={"approval": "manual"}))
    told = table(plot, v1=1, v2=2, v3=3)
    assert told == [("3", 3, 4, "0/prefill/0"), ("2", 2, 1, "0/decode/0"), ("1", 1, 3, "0/decode/1")]


def test_what_stays_below_the_partition_is_told_of_for_good() -> None:
    plot = upgrade(partition=3)
    rolled(plot)
    assert plot.look()[1].outdated == 0
    assert table(plot, v1=1, v2=2) == [("2", 2, 5, "0/decode/3"), ("1", 1, 3, "0/decode/0")]


def test_surge_is_no_unit_of_it() -> None:
    plot = upgrade(maxUnavailable=0, maxSurge=1)
    plot.update()
    plot.tend(ready=False)
    assert table(plot, v1=1, v2=2) == [("2", 2, 4, "0/prefill/0"), ("1", 1, 4, "0/decode/0")]


def test_there_are_no_more_than_eleven_lines_and_fifty_units() -> None:
    many = {f"r{number}": [f"0/decode/{number}"] for number in (20, *range(20))}
    numbers = {f"r{number}": number for number in range(21)}
    assert [each.number for each in lines(many, numbers)] == [20, *range(19, 9, -1)]
    plot = Plot(declared("1", units=60))
    plot.edit(declared("1", units=60, decode="2", rules={"approval": "manual"}))
    assert len(older(plot.look()[1].of)) == 50


def test_units_by_name_are_left_out_where_what_is_seen_is_too_large() -> None:
    older_units = {f"0/decode/{unit}": "r1" for unit in range(50)}
    many: dict[str, Any] = {f"role-{index}": {"ready": 1} for index in range(2_000)}
    assert bounded(Observation(older_units=older_units)).older_units == older_units
    assert bounded(Observation(older_units=older_units, roles=many)).older_units == {}


def test_the_object_says_it() -> None:
    facts: dict[str, Any] = {"revisions": (OfRevision(revision="r2", number=2, units=5, first="0/decode/0"),)}
    seen = Observation.model_validate({"known": True, "outdated": 3, "older_units": {"0/decode/1": "r1"}, **facts})
    told = status_of(Order(ref=Ref(namespace="room", name="llama")), seen, {"metadata": {"generation": 1}, "spec": {}}, START)
    assert told["rollout"]["revisions"] == [{"revision": "r2", "number": 2, "units": 5, "first": "0/decode/0"}]
    assert told["rollout"]["olderUnits"] == [{"unit": "0/decode/1", "revision": "r1"}]
