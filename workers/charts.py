"""How a chart looks on a terminal: a letter a device, or a letter a rack when there are many."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from topology.planning.drawing import FREE, OTHERS, Box, Chart, Node, tally
from topology.planning.svg import PALETTE, letter

MOST_DETAIL = 24
"""Racks up to which every device is shown."""


def chart_view(chart: Chart) -> RenderableType:
    """Every device up to 24 racks, a letter a rack beyond; then what the letters mean."""
    detailed = len(list(chart.root.leaves())) <= MOST_DETAIL
    lines = _lines(chart.root, "", detailed)
    return Group(*lines, "", *_legend(chart, detailed))


def _lines(box: Box, indent: str, detailed: bool) -> Iterator[Text]:
    inner = f"{indent}  " if box.name else indent
    if box.name:
        yield _title(box, indent, with_racks=not detailed)
    for each in box.boxes:
        if each.boxes or detailed:
            yield from _lines(each, inner, detailed)
    if box.nodes and detailed:
        yield Text.assemble(inner, *_joined([_devices(node) for node in box.nodes]))
    elif box.nodes and not box.name:
        yield Text.assemble(inner, "hosts ", *[_rack(node) for node in _singles(box)])


def _joined(parts: list[Text]) -> list[Text]:
    return [piece for part in parts for piece in (part, Text(" "))][:-1]


def _singles(box: Box) -> Iterator[Box]:
    return (Box(node.name, "host", (), (node,)) for node in box.nodes)


def _title(box: Box, indent: str, *, with_racks: bool) -> Text:
    count = tally(list(box.every()))
    name = box.name if box.level in box.name else f"{box.level} {box.name}"
    line = Text.assemble(indent, (name, "bold"), (f" {count.free}/{count.total} free", "dim"))
    racks = [each for each in box.boxes if not each.boxes]
    if with_racks and racks:
        line.append("  ")
        line.append_text(Text.assemble(*[_rack(each) for each in racks]))
    return line


def _devices(node: Node) -> Text:
    marks = {"lost": "x", "cordoned": "/"}
    if not node.cells:
        return Text(marks.get(node.state, "-"), "dim")
    return Text.assemble(*[_mark(owner, marks.get(node.state, ".")) for owner in node.cells])


def _mark(owner: int, free: str) -> tuple[str, str]:
    if owner == FREE:
        return free, "bold" if free == "x" else "dim"
    return ("o", "") if owner == OTHERS else (letter(owner), PALETTE[owner % len(PALETTE)])


def _rack(box: Box) -> Text:
    """One letter, of whoever holds most; `.` when less than a quarter is held; underlined when there is room; `x` when lost."""
    count = tally(box.nodes)
    if all(node.state == "lost" for node in box.nodes):
        return Text("x", "bold")
    held = {owner: number for owner, number in count.owners.items() if owner != FREE}
    if 4 * sum(held.values()) < count.total:
        return Text(".", "underline" if held else "dim")
    owner = min(held, key=lambda each: (-held[each], each))
    mark, style = _mark(owner, ".")
    return Text(mark, f"{style} underline" if count.free else style)


def _legend(chart: Chart, detailed: bool) -> Iterator[Text]:
    count = tally(list(chart.root.every()))
    for index, name in enumerate(chart.systems):
        yield Text.assemble(_mark(index, "."), f" {name} {count.owners[index]}")
    if count.owners[OTHERS]:
        yield Text(f"o other pods {count.owners[OTHERS]}")
    rest = f". free {count.free}" + (f", / cordoned {count.cordoned}" if count.cordoned else "")
    yield Text(rest + (f", x not ready {count.lost}" if count.lost else "") + f"; of {count.total} {chart.device}")
    if not detailed:
        yield Text(
            "One letter a rack: who holds most of it; underlined where there is room; . where less than a quarter is held.", "dim"
        )
    for name, pods in chart.vanished:
        yield Text(f"node {name} is gone, though it is held by {pods} pod{'s' * (pods != 1)}", "yellow")
