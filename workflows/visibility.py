"""What the Temporal UI shows of a system without opening its history: search attributes, and a page of current details."""

from collections.abc import Iterator, Sequence
from typing import get_args

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from activities.messages import Observation, PodClass, Ref
from specs.words import counted

NAME = SearchAttributeKey.for_keyword("SystemName")
NAMESPACE = SearchAttributeKey.for_keyword("SystemNamespace")
CLUSTER = SearchAttributeKey.for_keyword("SystemCluster")
PHASE = SearchAttributeKey.for_keyword("SystemPhase")
CAUSE = SearchAttributeKey.for_keyword("OperationCause")
WHO = SearchAttributeKey.for_keyword("OperationBy")
GATE = SearchAttributeKey.for_keyword("OperationGate")
DOMAINS = SearchAttributeKey.for_keyword_list("SystemDomains")
SEARCH_ATTRIBUTES = (NAME, NAMESPACE, CLUSTER, PHASE, CAUSE, WHO, GATE, DOMAINS)
"""To be registered with the server before the first workflow starts."""

GATES_ARE_SHOWN = "gates-are-shown"
"""Patch: operations that began before do not tell what they wait for."""
DOMAINS_ARE_SHOWN = "domains-are-shown"
"""Patch: in runs that began before, a system does not tell where it is."""
LONGEST_KEYWORD = 200
CELLS = 20
CLASSES: tuple[PodClass, ...] = get_args(PodClass)


def attributes(ref: Ref, phase: str, cause: str = "") -> TypedSearchAttributes:
    """For the start of a workflow."""
    pairs = (*_values(ref, phase, cause), *_who(cause))
    return TypedSearchAttributes([SearchAttributePair(key, value) for key, value in pairs])


def show(ref: Ref, phase: str, cause: str = "", domains: Sequence[str] = ()) -> None:
    """Bring this workflow's search attributes up to date; costs an event, so only what changed."""
    now = workflow.info().typed_search_attributes
    changed = [key.value_set(value) for key, value in _values(ref, phase, cause) if now.get(key) != value]
    if now.get(CAUSE) != cause[:LONGEST_KEYWORD]:
        changed += [key.value_set(value) for key, value in _who(cause)] if changed else []
    if changed:
        workflow.upsert_search_attributes(changed)  # pyright: ignore[reportUnknownMemberType]
    if phase == "Ready":
        _show_domains(domains)


def _show_domains(domains: Sequence[str]) -> None:
    known = workflow.info().typed_search_attributes.get(DOMAINS)
    if sorted(known or ()) != sorted(domains) and workflow.patched(DOMAINS_ARE_SHOWN):
        workflow.upsert_search_attributes([DOMAINS.value_set(list(domains))])  # pyright: ignore[reportUnknownMemberType]


def show_gate(reason: str) -> None:
    """What an operation waits for, by its code; nothing once it goes on."""
    known = workflow.info().typed_search_attributes.get(GATE)
    if (known or "") != reason and workflow.patched(GATES_ARE_SHOWN):
        change = GATE.value_set(reason) if reason else GATE.value_unset()
        workflow.upsert_search_attributes([change])  # pyright: ignore[reportUnknownMemberType]


def _who(cause: str) -> list[tuple[SearchAttributeKey[str], str]]:
    """Of `decode=8 by alice@laptop via cli`, `alice@laptop via cli`."""
    _, by, who = cause.partition(" by ")
    return [(WHO, who.partition(":")[0][:LONGEST_KEYWORD])] if by else []


def _values(ref: Ref, phase: str, cause: str) -> list[tuple[SearchAttributeKey[str], str]]:
    pairs = ((NAME, ref.name), (NAMESPACE, ref.namespace), (CLUSTER, ref.cluster), (PHASE, phase), (CAUSE, cause))
    return [(key, value[:LONGEST_KEYWORD]) for key, value in pairs if value]


def page(message: str, seen: Observation, problem: str = "", causes: Sequence[str] = ()) -> str:
    """Markdown: what goes on, how far it is, why it does not go on, and what it is for."""
    return "\n".join(_lines(message, seen, problem, causes))


def _lines(message: str, seen: Observation, problem: str, causes: Sequence[str]) -> Iterator[str]:
    yield f"**{message}**"
    if problem:
        yield from ("", f"Problem: {problem}")
    if seen.outdated:
        still = f"{counted(seen.updated, 'unit')} updated, {counted(seen.outdated, 'unit')} still to update"
        yield from ("", f"Rollout: {still}{_deadline(seen)}")
    if seen.roles:
        yield from ("", *_table(seen))
    if seen.waits:
        yield from ("", *(f"- {wait.reason}: {'; or '.join((wait.message, *wait.fits))}" for wait in seen.waits))
    if causes:
        yield from ("", "Causes:", "", *(f"1. {cause}" for cause in causes))


def _deadline(seen: Observation) -> str:
    if seen.deadline_s is None:
        return ""
    return f"; deadline {seen.deadline_s:g} s{', its clock stands still' if seen.clock_stands else ''}"


def _table(seen: Observation) -> Iterator[str]:
    """Roles x classes, and a bar for each."""
    classes: list[PodClass] = [name for name in CLASSES if any(name in pods for pods in seen.roles.values())]
    yield f"| role | ready | {' | '.join(classes)} |"
    yield "|---" * (len(classes) + 2) + "|"
    for role, pods in seen.roles.items():
        cells = (role, _bar(pods.get("ready", 0), sum(pods.values())), *(str(pods.get(name, 0)) for name in classes))
        yield f"| {' | '.join(cells)} |"


def _bar(ready: int, wanted: int) -> str:
    filled = CELLS * ready // wanted if wanted else 0
    return f"`{'█' * filled}{'░' * (CELLS - filled)}` {ready}/{wanted}"
