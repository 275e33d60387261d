"""SVG: a chart as a picture that stands alone. Colours that the colour-blind can tell apart, and a letter besides."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from topology.planning.drawing import FREE, OTHERS, Box, Chart, Node, Tally, tally

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
"""Source: Okabe and Ito, "Color Universal Design" (2008), without black."""
DARK = ("#0072B2", "#009E73", "#D55E00")
OTHER, EMPTY, INK, LINE = "#8c8c8c", "#ffffff", "#1f2328", "#b8bec6"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
MOST_DETAIL = 96
"""Racks up to which every device is drawn; beyond, a rack is one bar."""
WIDTH, LEAST_WIDTH = 1180, 640
CELL, GAP, PAD, HEAD = 13, 6, 8, 18
BAR_WIDTH, BAR_HEIGHT, LETTER_HEIGHT = 20, 28, 9
FONT = "font-family='ui-sans-serif,system-ui,Helvetica,Arial,sans-serif'"


@dataclass(frozen=True, slots=True)
class Drawn:
    """Some SVG, and how much room it takes."""

    width: int
    height: int
    svg: str

    def at(self, x: int, y: int) -> str:
        """Moved to its place."""
        return f"<g transform='translate({x},{y})'>{self.svg}</g>"


def letter(index: int) -> str:
    """What marks a system besides its colour."""
    return LETTERS[index % len(LETTERS)]


def colour(owner: int) -> str:
    """Of a cell."""
    return EMPTY if owner == FREE else OTHER if owner == OTHERS else PALETTE[owner % len(PALETTE)]


def svg(chart: Chart) -> str:
    """The whole picture. Every device up to 96 racks, one bar a rack beyond. Cost: about 5 us a device or rack."""
    leaves = list(chart.root.leaves())
    detailed = len(leaves) <= MOST_DETAIL
    body = _fabric(chart, detailed)
    legend = _legend(chart, detailed, max(body.width, LEAST_WIDTH))
    width = max(body.width, legend.width) + 2 * PAD
    height = legend.height + body.height + 3 * PAD
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' {FONT} "
        f"font-size='11' fill='{INK}'>{_patterns()}<rect width='100%' height='100%' fill='#ffffff'/>"
        f"{legend.at(PAD, PAD)}{body.at(PAD, legend.height + 2 * PAD)}</svg>\n"
    )


def _patterns() -> str:
    def hatch(name: str, back: str, line: str) -> str:
        return (
            f"<pattern id='{name}' width='5' height='5' patternUnits='userSpaceOnUse' patternTransform='rotate(45)'>"
            f"<rect width='5' height='5' fill='{back}'/>"
            f"<line x1='0' y1='0' x2='0' y2='5' stroke='{line}' stroke-width='2'/></pattern>"
        )

    return f"<defs>{hatch('lost', '#ffffff', '#1f2328')}{hatch('cordoned', '#ffffff', '#c4c9d0')}</defs>"


def _fabric(chart: Chart, detailed: bool) -> Drawn:
    return _flow(list(_parts(chart.root, WIDTH, detailed)), WIDTH)


def _parts(box: Box, width: int, detailed: bool) -> Iterator[Drawn]:
    for inner in box.boxes:
        yield _frame(inner, width, detailed) if inner.boxes else _leaf(inner, detailed)
    if box.nodes and (box.boxes or not box.name):
        yield _leaf(Box("in none" if box.boxes else "all nodes", "", (), box.nodes), detailed)


def _frame(box: Box, width: int, detailed: bool) -> Drawn:
    """A domain around others: a title and a border."""
    inner = _flow(list(_parts(box, width - 2 * PAD, detailed)), width - 2 * PAD)
    count = tally(list(box.every()))
    title = f"{box.level} {box.name}" if box.level not in box.name else box.name
    words = f"{title}  ·  {count.free} of {count.total} free"
    size = max(inner.width, len(words) * 6) + 2 * PAD
    high = inner.height + HEAD + PAD
    svg = (
        f"<rect x='.5' y='.5' width='{size - 1}' height='{high - 1}' rx='5' fill='none' stroke='{LINE}'/>"
        f"<text x='{PAD}' y='13'>{escape(words)}</text>{inner.at(PAD, HEAD)}"
    )
    return Drawn(size, high, svg)


def _flow(parts: Sequence[Drawn], width: int) -> Drawn:
    """Side by side, line after line."""
    x = y = line = widest = 0
    placed: list[str] = []
    for part in parts:
        if x and x + part.width > width:
            x, y, line = 0, y + line + GAP, 0
        placed.append(part.at(x, y))
        widest = max(widest, x + part.width)
        x += part.width + GAP
        line = max(line, part.height)
    return Drawn(widest, y + line, "".join(placed))


def _leaf(box: Box, detailed: bool) -> Drawn:
    return _rack(box) if detailed else _bar(box)


def _rack(box: Box) -> Drawn:
    """Hosts from top to bottom, their devices from left to right."""
    name = box.name if len(box.name) <= 14 else f"{box.name[:6]}…{box.name[-6:]}"
    cells = max(len(node.cells) for node in box.nodes)
    width = max(cells * CELL, round(len(name) * 6.4), 4 * CELL) + 6
    rows = "".join(_row(node, 3, HEAD + index * (CELL + 2), cells) for index, node in enumerate(box.nodes))
    high = HEAD + len(box.nodes) * (CELL + 2) + 3
    frame = f"<rect x='.5' y='.5' width='{width - 1}' height='{high - 1}' rx='3' fill='#f5f6f8' stroke='{LINE}'/>"
    return Drawn(
        width,
        high,
        f"<g><title>{escape(box.name)}</title>{frame}<text x='3' y='13' font-size='10'>{escape(name)}</text>{rows}</g>",
    )


def _row(node: Node, x: int, y: int, cells: int) -> str:
    drawn = "".join(_cell(owner, node, x + index * CELL, y) for index, owner in enumerate(node.cells))
    if not node.cells:
        fill = _empty_fill(node)
        drawn = f"<rect x='{x}' y='{y}' width='{max(cells, 4) * CELL - 1}' height='{CELL}' fill='{fill}' stroke='{LINE}'/>"
    state = "" if node.state == "ready" else f", {node.state}"
    return f"<g><title>{escape(node.name + state)}</title>{drawn}</g>"


def _empty_fill(node: Node) -> str:
    return EMPTY if node.state == "ready" else f"url(#{node.state})"


def _cell(owner: int, node: Node, x: int, y: int) -> str:
    fill = _empty_fill(node) if owner == FREE else colour(owner)
    rect = f"<rect x='{x}' y='{y}' width='{CELL - 1}' height='{CELL}' fill='{fill}' stroke='{LINE}' stroke-width='.5'/>"
    if owner != FREE and node.state != "ready":
        # held, on a node that is not there for others: a bar across
        colour_of = INK if node.state == "lost" else "#ffffff"
        rect += f"<line x1='{x}' y1='{y + CELL}' x2='{x + CELL - 1}' y2='{y}' stroke='{colour_of}' stroke-width='2'/>"
    elif owner >= 0:
        ink = "#ffffff" if colour(owner) in DARK else INK
        rect += (
            f"<text x='{x + CELL / 2 - 0.5}' y='{y + 10}' font-size='9' text-anchor='middle' fill='{ink}'>{letter(owner)}</text>"
        )
    return rect


def _bar(box: Box) -> Drawn:
    """One rack as a bar: systems from the bottom up, then other pods, then what is free, cordoned or lost."""
    count = tally(box.nodes)
    y, parts = float(BAR_HEIGHT), list[str]()
    for fill, mark, amount in _shares(count):
        high = BAR_HEIGHT * amount / max(1, count.total)
        y -= high
        parts.append(f"<rect x='0' y='{y:.1f}' width='{BAR_WIDTH}' height='{high:.1f}' fill='{fill}'/>")
        if high >= LETTER_HEIGHT and mark:
            ink = "#ffffff" if fill in DARK else INK
            parts.append(
                f"<text x='10' y='{y + high / 2 + 3.5:.1f}' font-size='9' text-anchor='middle' fill='{ink}'>{mark}</text>"
            )
    frame = f"<rect x='.5' y='.5' width='{BAR_WIDTH - 1}' height='{BAR_HEIGHT - 1}' fill='none' stroke='{LINE}'/>"
    title = f"<title>{escape(box.name)}: {count.free} of {count.total} free</title>"
    return Drawn(BAR_WIDTH, BAR_HEIGHT, f"<g>{title}{''.join(parts)}{frame}</g>")


def _shares(count: Tally) -> Iterator[tuple[str, str, int]]:
    for owner in sorted(count.owners, key=lambda owner: (owner < 0, owner)):
        if owner != FREE:
            yield colour(owner), letter(owner) if owner >= 0 else "", count.owners[owner]
    yield "url(#lost)", "", count.lost
    yield "url(#cordoned)", "", count.cordoned
    yield EMPTY, "", count.free


def _legend(chart: Chart, detailed: bool, wide: int) -> Drawn:
    """What colours mean, how much each system holds, and what is gone."""
    count = tally(list(chart.root.every()))
    leaf = chart.levels[-2] if len(chart.levels) > 1 else "host"
    unit = f"one cell: one {chart.device}" if detailed else f"one bar: one {leaf}"
    head = f"{count.total} {chart.device}, {count.free} free  ·  {unit}"
    entries = [_entry(colour(i), letter(i), f"{name}  {count.owners[i]}") for i, name in enumerate(chart.systems)]
    entries.append(_entry(OTHER, "", f"other pods  {count.owners[OTHERS]}"))
    entries.append(_entry(EMPTY, "", f"free  {count.free}"))
    entries.append(_entry("url(#cordoned)", "", f"idle, cordoned  {count.cordoned}"))
    entries.append(_entry("url(#lost)", "", f"idle, not ready  {count.lost}"))
    entries += [_struck("held, cordoned", "#ffffff"), _struck("held, not ready", INK)] if detailed else []
    flow = _flow(entries, wide)
    gone = [f"gone: node {name}, though it is held by {pods} pod{'s' * (pods != 1)}" for name, pods in chart.vanished[:5]]
    gone += [f"and {len(chart.vanished) - 5} more nodes that are gone"] if len(chart.vanished) > 5 else []
    lines = "".join(f"<text x='0' y='{HEAD + flow.height + 14 * (i + 1)}'>{escape(line)}</text>" for i, line in enumerate(gone))
    text = f"<text x='0' y='12' font-weight='600'>{escape(head)}</text>"
    width = max(flow.width, len(head) * 7)
    return Drawn(width, HEAD + flow.height + 14 * len(gone) + 4, text + flow.at(0, HEAD) + lines)


def _struck(words: str, line: str) -> Drawn:
    """The bar across what is held on a node that takes no more."""
    drawn = _entry(OTHER, "", words)
    return Drawn(drawn.width, drawn.height, f"{drawn.svg}<line x1='1' y1='14' x2='12' y2='3' stroke='{line}' stroke-width='2'/>")


def _entry(fill: str, mark: str, words: str) -> Drawn:
    ink = "#ffffff" if fill in DARK else INK
    box = f"<rect x='.5' y='2.5' width='12' height='12' fill='{fill}' stroke='{LINE}'/>"
    text = f"<text x='6.5' y='12' font-size='9' text-anchor='middle' fill='{ink}'>{mark}</text>"
    return Drawn(18 + round(len(words) * 6.6) + 10, HEAD, f"{box}{text}<text x='18' y='12'>{escape(words)}</text>")
