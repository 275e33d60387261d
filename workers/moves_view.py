"""How plans that change what runs look on a terminal: who moves or leaves, for whom, and what no plan does better."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from workers.views import plain_table

Json = Mapping[str, Any]


def moves_view(answer: Json) -> Iterator[RenderableType]:
    """What a plan does to pods that are there; nothing for a plan that only places."""
    if "moves" in answer:
        yield from _repairs(answer)
    for each in answer.get("preemptions", ()):
        yield from _preemption(each)
    for each in answer.get("defragmentations", ()):
        yield from _defragmentation(each)


def _repairs(answer: Json) -> Iterator[RenderableType]:
    lost = sum(move["why"] == "lost" for move in answer["moves"])
    yield Text(f"{_pods(lost)} placed anew, {_pods(answer['moved'])} moved ({bound(answer['moved'], answer['atLeast'])}).")
    if answer["moves"]:
        yield _moves(answer["moves"])


def _preemption(each: Json) -> Iterator[RenderableType]:
    least = "no choice is cheaper" if each["proven"] else "a cheaper choice was not ruled out"
    yield Text.assemble((each["gang"], "bold"), f" (priority {each['priority']}): {_pods(each['pods'])} would leave ({least}).")
    table = plain_table("VICTIM", "PRIORITY", "POD", "NODE")
    for victim in each["victims"]:
        name = f"{victim['name']}{' *' if victim['minimum'] else ''}"
        for pod in victim["pods"]:
            table.add_row(name, str(victim["priority"]), pod["name"], pod["node"])
    yield table


def _defragmentation(each: Json) -> Iterator[RenderableType]:
    gain = f"lets in {_pods(each['pods'])}"
    cost = f"{_pods(each['moved'])} moved ({bound(each['moved'], each['atLeast'])})"
    yield Text.assemble((each["gang"], "bold"), f": {cost}, which {gain}.")
    yield _moves(each["moves"])


def _moves(moves: Sequence[Json]) -> Table:
    table = plain_table("POD", "WHY", "FROM", "TO")
    for move in moves:
        table.add_row(f"{move['namespace']}/{move['pod']}", move["why"], move["from"] or "-", move["to"])
    return table


def bound(found: int, least: int) -> str:
    """How good a plan is."""
    return "no plan moves fewer" if found <= least else f"no plan moves fewer than {least}"


def _pods(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"
