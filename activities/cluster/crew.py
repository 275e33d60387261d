"""Many small writes as one step: so many at a time, heartbeats meanwhile, refusals told as one sentence."""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from typing import TypeVar

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.cluster.kube import AlreadyThere, Busy, Kind, Manifest, NotThere, Overtaken, Refused
from activities.messages import Written

AT_ONCE = 32
HEARTBEAT_S = 0.5
AGAIN_DELAY = timedelta(milliseconds=100)
"""The cache shows by then what somebody else has written."""
T = TypeVar("T")
REFUSALS_ENOUGH = 8
"""A quota or an admission rule refuses one pod as it refuses the next: asking a thousand times helps nobody."""


class Outdated(Overtaken):
    """A newer intent is known: what was asked for is no longer wanted."""


class Tally:
    """What a step wrote: how many, up to which version, and the first thing that was refused."""

    def __init__(self) -> None:
        self.written = 0
        self.refused = 0
        self.versions: dict[str, int] = {}
        self.problem = ""
        self.shows = True
        """The cache shows what was done once it has reached `versions`; of a deletion nobody knows when."""

    def wrote(self, kind: Kind, manifest: Manifest) -> None:
        """One object is as wanted; `manifest` is the server's answer."""
        self.written += 1
        self.saw(kind, manifest)

    def saw(self, kind: Kind, manifest: Manifest) -> None:
        """The next observation must have seen this."""
        version = int(manifest.get("metadata", {}).get("resourceVersion", 0))
        self.versions[kind.plural] = max(version, self.versions.get(kind.plural, 0))

    def deleted(self, count: int = 1) -> None:
        """So many objects were told to go."""
        self.written += count
        self.shows = False

    def also(self, other: "Tally") -> None:
        """What was written beside it; what was refused there is no matter of this step."""
        self.written += other.written
        for plural, version in other.versions.items():
            self.versions[plural] = max(version, self.versions.get(plural, 0))

    def refuse(self, what: str, error: Refused) -> None:
        """One object was refused for good."""
        self.refused += 1
        self.problem = self.problem or f"{what}: {explained(error)}"

    def as_written(self) -> Written:
        return Written(written=self.written, versions={k: v for k, v in self.versions.items() if v}, problem=self.problem)


async def each(items: Iterable[T], work: Callable[[T], Awaitable[None]], tally: Tally, at_once: int = AT_ONCE) -> None:
    """Do `work` for every item, `at_once` side by side; stops taking new ones when enough were refused.

    `Busy` ends it: what was done is done, and the step is repeated.
    """
    queue = iter(items)

    async def worker() -> None:
        for item in queue:
            if tally.refused >= REFUSALS_ENOUGH:
                return
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(worker())
    except* Busy as busy:
        raise busy.exceptions[0] from None


@asynccontextmanager
async def heartbeating() -> AsyncGenerator[None]:
    """Heartbeats while the body runs, so that a dead agent is noticed soon and cancellation is heard."""
    if not activity.in_activity():
        yield
        return
    ticker = asyncio.create_task(_tick())
    try:
        yield
    finally:
        ticker.cancel()
        with suppress(asyncio.CancelledError):
            await ticker


@contextmanager
def translating() -> Generator[None]:
    """The project's two error words, as Temporal's retries understand them; who was overtaken by another writer looks again."""
    try:
        yield
    except Busy as error:
        raise ApplicationError(str(error), type="Busy", next_retry_delay=error.delay) from error
    except Outdated as error:
        raise ApplicationError(str(error), type="Overtaken", non_retryable=True) from error
    except Overtaken as error:
        raise ApplicationError(str(error), type="Busy", next_retry_delay=AGAIN_DELAY) from error
    except Refused as error:
        raise ApplicationError(explained(error), type="Refused", non_retryable=True) from error


def explained(error: Refused) -> str:
    """A refusal by the API server, with what to do about it."""
    return f"{str(error).rstrip('.')}. {_remedy(error)}"


ALTERED = "a mutating admission webhook"
REMEDIES: Sequence[tuple[str, str]] = (
    ("exceeded quota", "Raise the namespace's ResourceQuota, or scale the system down."),
    ("being terminated", "The namespace is being deleted; apply the system in another, or again when it is gone."),
    ("admissionpolicy", "An admission policy refuses it; change the template as it asks, or exempt the namespace."),
    (ALTERED, "Exempt pods with the label espalier.dev/system, or their namespace, from it."),
    ("admission webhook", "An admission webhook refuses it; change the template as it asks, or exempt the namespace."),
    ("violates podsecurity", "The namespace's pod security level forbids it; change the template or the namespace's label."),
    ("failed quota", "The namespace's ResourceQuota wants it set: set it in every container, or make a LimitRange."),
    ("insufficient quota", "Give the namespace a ResourceQuota for pods of this PriorityClass, or name another in the template."),
    ("usage per |ratio per ", "The namespace's LimitRange does not allow it: keep to it in the template, or change it."),
    ("looking up service account", "Create the ServiceAccount in this namespace, or name another in the template."),
    ("no priorityclass", "Create the PriorityClass, or delete the system and apply it with another."),
    ("which the cluster does not have", "Create it, or delete the system and apply it with another."),
    ("gets its room as one", "Delete the system and apply it with the same priorityClassName in every template."),
    ("by this version of espalier", "Delete the system and apply it anew."),
    ("namespaces", "Create the namespace first: kubectl create namespace."),
    (
        'user ".*" cannot |cannot set blockownerdeletion|attempting to grant',
        "Grant the agent's account this right; deploy/espalier.yaml has the role it needs.",
    ),
    ("is forbidden: ", "An admission plugin of the cluster refuses it; change the template as it asks."),
)
"""What a refusal says (a pattern, all in lower case), and what to do; the first that is found counts."""


def _remedy(error: Refused) -> str:
    text = str(error).lower()
    for words, remedy in REMEDIES:
        if re.search(words, text) and (words != "namespaces" or isinstance(error, NotThere)):
            return remedy
    if isinstance(error, AlreadyThere):
        return "Another object has that name; delete or rename it."
    return "Correct the declared system and apply it again."


async def _tick() -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_S)  # first: most steps are over by then, and each heartbeat is a write of Temporal's
        activity.heartbeat()
