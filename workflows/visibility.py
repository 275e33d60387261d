"""What the Temporal UI shows of a system without opening its history: search attributes, current details."""

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from activities.messages import Observation

NAME = SearchAttributeKey.for_keyword("SystemName")
NAMESPACE = SearchAttributeKey.for_keyword("SystemNamespace")
CLUSTER = SearchAttributeKey.for_keyword("SystemCluster")
PHASE = SearchAttributeKey.for_keyword("SystemPhase")
CAUSE = SearchAttributeKey.for_keyword("OperationCause")
SEARCH_ATTRIBUTES = (NAME, NAMESPACE, CLUSTER, PHASE, CAUSE)
CELLS = 20


def details(message: str, seen: Observation, causes: tuple[str, ...] = ()) -> str:
    """A markdown page: what goes on, how far it is, why."""
    ready, total = seen.total("ready"), sum(sum(found.values()) for found in seen.roles.values())
    filled = CELLS * ready // total if total else 0
    lines = [f"**{message}**", "", f"`{'█' * filled}{'░' * (CELLS - filled)}` {ready} of {total} pods ready", ""]
    lines += ["| role | " + " | ".join(columns(seen)) + " |", "|---" * (len(columns(seen)) + 1) + "|"] if seen.roles else []
    lines += [f"| {role} | " + " | ".join(str(found.get(name, 0)) for name in columns(seen)) + " |" for role, found in sorted(seen.roles.items())]
    lines += ["", *(f"- {wait.reason}: {wait.message}" for wait in seen.waits)]
    lines += ["", "Causes:", *(f"- {cause}" for cause in causes)] if causes else []
    return "\n".join(lines)


def columns(seen: Observation) -> list[str]:
    """Every class that some role has pods of."""
    return sorted({name for found in seen.roles.values() for name in found})


def upsert(values: dict[str, str]) -> None:
    """Set these search attributes."""
    keys = {key.name: key for key in SEARCH_ATTRIBUTES}
    workflow.upsert_search_attributes([keys[name].value_set(value) for name, value in values.items()])
