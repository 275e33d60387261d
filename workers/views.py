"""How a system looks on a terminal: its headline, its roles with a bar each, and why it does not go on."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from activities.messages import Observation, PodClass, Wait
from workflows.requests import Status

BAR_CELLS = 12
FOLLOWING = ("WaitsForGang", "StartOrder")
CLASSES: tuple[PodClass, ...] = get_args(PodClass)
UNPLACED: tuple[PodClass, ...] = ("bare", "waiting")
STYLES = {"Ready": "green", "Waiting": "yellow", "Degraded": "red", "Deleting": "dim", "Deleted": "dim"}


def status_view(status: Status, *, wide: bool = False) -> RenderableType:
    """Headline, what is going on, the table of roles, and the reasons for waiting."""
    parts: list[RenderableType] = [headline(status)]
    if status.seen.roles:
        parts += ["", roles_table(status.seen, wide=wide)]
    parts += [wait_line(wait) for wait in waits(status)]
    return Group(*parts, *gpus_view(status.seen))


def gpus_view(seen: Observation) -> Iterator[RenderableType]:
    """Which GPUs pods have, a row a pod; nothing where none shares any."""
    if seen.gpus:
        table = plain_table("POD", "NODE", "GPU")
        for each in seen.gpus:
            table.add_row(each.pod, each.node, each.gpus)
        yield table


def headline(status: Status) -> Text:
    """Say who it is and how it is: `serving/llama: Starting. The router starts first`."""
    text = Text.assemble((f"{status.namespace}/{status.name}", "bold"), ": ", (status.phase, STYLES.get(status.phase, "cyan")))
    if status.message and not any(wait.message == status.message for wait in status.seen.waits):
        text.append(f". {status.message}")
    return text


def roles_table(seen: Observation, *, wide: bool = False) -> Table:
    """A row a role: wanted, placed, ready, and a bar; or, when `wide`, every class of pod that there is instead of the bar."""
    table = plain_table("ROLE", "WANTED", "PLACED", "READY")
    classes: list[PodClass] = [
        name for name in CLASSES if wide and name != "ready" and any(name in pods for pods in seen.roles.values())
    ]
    for column in [name.upper() for name in classes] or [""]:
        table.add_column(column, justify="right", no_wrap=True)
    for role, pods in seen.roles.items():
        total, placed, ready = tally(pods)
        rest: list[str | Text] = [str(pods.get(name, 0)) for name in classes]
        table.add_row(role, str(total), str(placed), str(ready), *(rest or [bar(ready, placed, total)]))
    return table


def plain_table(*columns: str) -> Table:
    """A table without lines, its numbers to the right."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for column in columns:
        number = column in {"WANTED", "PLACED", "READY"}
        table.add_column(column, justify="right" if number else "left", overflow="fold", no_wrap=number)
    return table


def tally(pods: Mapping[PodClass, int]) -> tuple[int, int, int]:
    """Pods wanted, placed and ready."""
    wanted = sum(count for name, count in pods.items() if name != "surplus")
    return wanted, wanted - sum(pods.get(name, 0) for name in UNPLACED), pods.get("ready", 0)


def totals(seen: Observation) -> tuple[int, int, int]:
    """Pods wanted, placed and ready, over all roles."""
    rows = [tally(pods) for pods in seen.roles.values()]
    return sum(row[0] for row in rows), sum(row[1] for row in rows), sum(row[2] for row in rows)


def bar(ready: int, placed: int, total: int) -> Text:
    """Ready, placed and missing, to be told apart without colours."""
    full, half = (BAR_CELLS * part // total if total else 0 for part in (ready, max(ready, placed)))
    return Text.assemble(("█" * full, "green"), ("▒" * (half - full), "cyan"), ("░" * (BAR_CELLS - half), "dim"))


def waits(status: Status) -> list[Wait]:
    """Why it does not go on; what only waits for something else of this system comes last."""
    return sorted(status.seen.waits, key=lambda wait: wait.reason in FOLLOWING)


def wait_line(wait: Wait) -> Text:
    """Say why something does not go on: `NoRoom: one rack needs 32 more GPUs (3 gangs, first llama-0)`."""
    many = f"{wait.gangs} gangs" if wait.gangs > 1 else ""
    words = ", ".join(part for part in (many, f"first {wait.first}" if many and wait.first else wait.first) if part)
    return Text.assemble((wait.reason, "yellow"), f": {wait.message}{f' ({words})' if words else ''}")


def progress_line(status: Status) -> str:
    """One plain line of progress: what changed is worth a new one."""
    wanted, placed, ready = totals(status.seen)
    reason = f". {status.message}" if status.message and status.phase in {"Waiting", "Degraded"} else ""
    return f"{status.phase}: {ready} of {wanted} pods ready, {placed} placed{reason}"


def explanation(status: Status) -> Iterator[str]:
    """Everything that keeps a system from being as declared, a sentence a line; nothing when it is."""
    told = [line for wait in waits(status) for line in (str(wait_line(wait)), *(f"or {fit}" for fit in wait.fits))]
    if status.phase == "Degraded" and not any(status.message in line for line in told):
        yield status.message
    yield from told
    for pod in status.seen.deviants:
        where = f" on {pod.node}" if pod.node else ""
        words = f": {pod.message}" if pod.message else ""
        yield f"{pod.pod or pod.slot} is {pod.state}{where}{words}"
    if status.last and not status.last.ok:
        yield f"the last {status.last.kind} failed: {status.last.message}"
    if status.schedule_problem:
        yield status.schedule_problem


def systems_table(found: Sequence[Status], *, wide: bool = False) -> Table:
    """A row a system."""
    table = plain_table("NAMESPACE", "NAME", "PHASE", "READY", *(("GENERATION", "SINCE") if wide else ()))
    table.add_column("MESSAGE", no_wrap=not wide, overflow="fold" if wide else "ellipsis")
    for status in found:
        wanted, _, ready = totals(status.seen)
        phase = Text(status.phase, STYLES.get(status.phase, "cyan"))
        more = (str(status.generation), status.since) if wide else ()
        asked = f"{ready}/{wanted}" if status.generation else "-"
        table.add_row(status.namespace, status.name, phase, asked, *more, status.message)
    return table


def plan_view(answer: Mapping[str, Any], *, wide: bool = False) -> RenderableType:
    """Each system with its gangs: placed on which nodes, or why not."""
    parts: list[RenderableType] = []
    for system in answer["systems"]:
        fits = ("fits", "green") if system["feasible"] else ("does not fit", "red")
        parts.append(Text.assemble((f"{system['namespace']}/{system['name']}", "bold"), " ", fits))
        parts.append(gangs_table(system["gangs"], wide=wide))
        parts += [Text(f"{gang['name']}: {gang['message']}") for gang in system["gangs"] if not gang["placed"]]
        parts += [_talk_line(gang["name"], talk) for gang in system["gangs"] for talk in gang.get("talks", ())]
    parts.append(Text(f"Solved in {answer['solveSeconds'] * 1000:.1f} ms.", "dim"))
    return Group(*parts)


def _talk_line(gang: str, talk: Mapping[str, Any]) -> Text:
    one, other = talk["between"]
    who = f"{one} and {other} say" if one != other else f"{one} says"
    return Text(f"{gang}: {talk['near']:.0%} of what {who} to each other stays in one narrowest domain", "dim")


def load_view(answer: Mapping[str, Any]) -> RenderableType:
    """How long gangs of each system waited, and what never found room."""
    table = plain_table("SYSTEM", "GANGS", "STARTED", "WAIT P50", "WAIT P99", "LONGEST")
    for each in answer["systems"]:
        waits = [f"{each[name]:g} s" for name in ("waitP50", "waitP99", "waitMax")]
        table.add_row(each["name"], str(each["gangs"]), str(each["started"]), *waits)
    use = f"; {answer['deviceShare']:.1%} of all devices in use on average" if answer["deviceShare"] is not None else ""
    never = [Text(f"{each['gang']} never starts: {each['message']}") for each in answer["never"]]
    return Group(table, *never, Text(f"All is over after {answer['endSeconds']:g} s{use}.", "dim"))


def gangs_table(gangs: Sequence[Mapping[str, Any]], *, wide: bool) -> Table:
    """A row a gang; `wide` a row a pod."""
    table = (
        plain_table("GANG", "PLACED", "SCORE", "POD", "NODE") if wide else plain_table("GANG", "PLACED", "SCORE", "PODS", "NODES")
    )
    for gang in gangs:
        score = "" if gang["score"] is None else f"{gang['score']:.2f}"
        head = (f"{gang['name']}{' *' if gang['minimum'] else ''}", "yes" if gang["placed"] else "no", score)
        if wide:
            for pod in gang["pods"]:
                gpus = f" (GPU {', '.join(map(str, pod['gpus']))})" if pod.get("gpus") else ""
                table.add_row(*head, pod["name"], f"{pod['node'] or '-'}{gpus}")
        else:
            table.add_row(*head, str(len(gang["pods"])), nodes_in_short([pod["node"] for pod in gang["pods"] if pod["node"]]))
    return table


def nodes_in_short(nodes: Sequence[str], most: int = 3) -> str:
    """`node-1, node-2, node-3 and 5 more`."""
    each = list(dict.fromkeys(nodes))
    more = f" and {len(each) - most} more" if len(each) > most else ""
    return ", ".join(each[:most]) + more or "-"
