"""The picture of a fleet: whose every device is, and a file that browsers read."""

from xml.etree import ElementTree as ET

import pytest

from tests.topology.fleets import GPU, fleet, node, nodes
from topology.planning.drawing import FREE, OTHERS, chart, tally
from topology.planning.svg import MOST_DETAIL, svg
from topology.supply.fleet import Fleet

A, B = "ns/a", "ns/b"


def drawn() -> Fleet:
    """Two racks in one block, one host outside: a holds 2 of r0's first host, b all of r1's, a stranger 1 of the host outside."""
    made = fleet({"z": {"b": {"r0": [4, 4], "r1": [2]}}})
    made.put_node(node("stray", 3))
    made.put_node(node("z-b-r0-1", 4, ("z", "b", "r0"), unschedulable=True))
    made.grant("a", ("ns", "a", "0/w/0"), "z-b-r0-0", ((GPU, 2),))
    made.grant("b", ("ns", "b", "0/w/0"), "z-b-r1-0", ((GPU, 2),))
    made.grant("x", ("ns", "", "pod"), "stray", ((GPU, 1),))
    made.grant("gone", ("ns", "b", "0/w/1"), "left", ((GPU, 1),))
    return made


def test_every_device_has_its_holder() -> None:
    found = chart(drawn())
    assert found.device == GPU
    assert found.systems == (A, B)
    assert {each.name: (each.state, each.cells) for each in found.root.every()} == {
        "stray": ("ready", (OTHERS, FREE, FREE)),
        "z-b-r0-0": ("ready", (0, 0, FREE, FREE)),
        "z-b-r0-1": ("cordoned", (FREE,) * 4),
        "z-b-r1-0": ("ready", (1, 1)),
    }
    assert found.vanished == (("left", 1),)


def test_domains_nest_and_say_their_level() -> None:
    root = chart(drawn()).root
    (zone,) = root.boxes
    (block,) = zone.boxes
    assert [(box.level, box.name) for box in (zone, block, *block.boxes)] == [
        ("zone", "z"), ("block", "b"), ("rack", "r0"), ("rack", "r1"),
    ]  # fmt: skip
    assert [each.name for each in root.nodes] == ["stray"]


def test_racks_stand_in_the_order_of_their_numbers() -> None:
    root = chart(fleet({"z": {"b": {f"r{index}": [1] for index in (10, 2, 1)}}})).root
    assert [box.name for box in root.leaves()] == ["r1", "r2", "r10"]


def test_one_system_alone_leaves_the_others_grey() -> None:
    found = chart(drawn(), B)
    assert found.systems == (B,)
    assert tally(list(found.root.every())).owners == {0: 2, OTHERS: 3, FREE: 8}


def test_what_is_free_leaves_out_what_nobody_can_get() -> None:
    count = tally(list(chart(drawn()).root.every()))
    assert (count.total, count.free, count.cordoned, count.lost) == (13, 4, 4, 0)


def test_cores_are_drawn_where_there_are_no_devices() -> None:
    (only,) = chart(Fleet(nodes=[node("n", 0, holds={"cpu": "4", GPU: "0"})])).root.every()
    assert only.cells == (FREE,) * 4


@pytest.mark.parametrize("racks", [1, MOST_DETAIL, MOST_DETAIL + 1])
def test_the_picture_is_well_formed_and_names_every_rack(racks: int) -> None:
    made = Fleet(nodes=nodes({"z": {"b<&": {f"r{index}": [2] for index in range(racks)}}}))
    root = ET.fromstring(svg(chart(made)))
    told = " ".join(element.text or "" for element in root.iter())
    assert "b<&" in told
    assert all(f"r{index}" in told for index in range(racks))


def test_nothing_lies_outside_the_picture() -> None:
    """Boxes stay inside the frame that the file declares."""
    root = ET.fromstring(svg(chart(drawn())))
    width, height = int(root.attrib["width"]), int(root.attrib["height"])
    edges = list(_edges(root, 0, 0))
    assert edges
    assert max(right for right, _ in edges) <= width
    assert max(bottom for _, bottom in edges) <= height


def _edges(element: ET.Element, x: float, y: float) -> list[tuple[float, float]]:
    moved = element.attrib.get("transform", "")
    if moved.startswith("translate("):
        dx, dy = moved.removeprefix("translate(").rstrip(")").split(",")
        x, y = x + float(dx), y + float(dy)
    own = []
    if element.tag.endswith("rect") and "%" not in element.attrib["width"]:
        at = {name: float(element.attrib.get(name, 0)) for name in ("x", "y", "width", "height")}
        own = [(x + at["x"] + at["width"], y + at["y"] + at["height"])]
    return own + [edge for child in element if not child.tag.endswith("defs") for edge in _edges(child, x, y)]
