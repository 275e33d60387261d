"""What the Temporal UI shows of a Defragmentation: its plan, what that costs and gains, and how far it is."""

from collections.abc import Iterator

from specs.words import counted
from workflows.moving import Defragmented

MOST_ROWS = 100


def plan_page(status: Defragmented) -> str:
    """Markdown."""
    return "\n".join(_lines(status))


def _lines(status: Defragmented) -> Iterator[str]:
    yield f"**{status.stage}: {status.message}**"
    plan = status.plan
    if plan.moves:
        bound = f"no plan has fewer than {plan.least}"
        yield from (
            "",
            f"Gain: room for {counted(plan.pods, 'pod')} of {plan.name}. Cost: {counted(len(plan.moves), 'move')} ({bound}).",
        )
        yield from ("", f"Plan {plan.id}: {status.done} of {len(plan.moves)} done.")
        yield from ("", "| pod | from | to |", "|---|---|---|")
        yield from (f"| {move.namespace}/{move.pod} | {move.source} | {move.target} |" for move in plan.moves[:MOST_ROWS])
    if status.let_in:
        yield from ("", f"Let in so far: {', '.join(status.let_in)}, by {counted(status.moved, 'move')}.")
