"""The solver: one task per agent that gives room to whoever waits for it, all at once, whenever something has changed."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from activities.census import Census, SystemKey
from activities.demands import Asked, Demands, Want, asked, in_order
from activities.kube import Busy, Overtaken
from activities.ledger import PODS_IN_BATCH, Change, Ledger
from activities.placements import Placement, Waiting
from activities.telemetry import failed, step

LONGEST_PAUSE_S = 1.0
RETRY_S = 0.5


@dataclass(frozen=True)
class Room:
    """Where a gang goes: slot -> node, for all of its slots."""

    nodes: Mapping[str, str]


class Supply(Protocol):
    """The room of the cluster, as far as the solver needs it."""

    def refresh(self) -> None:
        """Take in what has changed; called where the census does not change meanwhile."""
        ...

    def solve(self, wanted: Sequence[Want]) -> Sequence[Room | Waiting]:
        """An answer for each, as if those before it had what they were given. Called in a thread, one at a time."""
        ...


class Sayer(Protocol):
    """Tells Placements why their gangs wait."""

    async def say(self, placement: Placement, waiting: Mapping[str, Waiting]) -> None: ...


@dataclass(frozen=True)
class Taken:
    """Room to take back, if it is still so granted."""

    placement: Placement
    nodes: Mapping[str, str]


class Solver:
    """Solves what has queued while it was solving; with nothing queued it answers at once.

    Whoever has no room is tried again when room may have come free, in order of priority and age.
    """

    def __init__(
        self, ledger: Ledger, census: Census, demands: Demands, supply: Supply, sayer: Sayer, now: Callable[[], float]
    ) -> None:
        self._ledger = ledger
        self._census = census
        self._demands = demands
        self._supply = supply
        self._sayer = sayer
        self._now = now
        self._wake = asyncio.Event()
        self._asking: list[asyncio.Future[None]] = []
        self._taking: list[Taken] = []
        self._told: dict[tuple[object, ...], tuple[int, Waiting]] = {}
        self._epoch = 0

    async def answer(self) -> None:
        """Return when all that the cache shows now was answered: granted, or told why not."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asking.append(future)
        self._wake.set()
        await future

    async def withdraw(self, taken: Sequence[Taken]) -> None:
        """Take room back, and return when those who lost it were answered anew."""
        self._taking.extend(taken)
        await self.answer()

    def room_may_be_free(self) -> None:
        """Something left, or came: those who wait are tried again."""
        self._epoch += 1
        if self._told:
            self._wake.set()

    def placement_changed(self, was: Placement | None, now: Placement | None) -> None:
        """A demand or an answer changed, by whomever."""
        if now is not None and not now.whole and (was is None or was.entries != now.entries or was.nodes != now.nodes):
            self._wake.set()
        if was is not None and (now is None or was.entries != now.entries or len(now.nodes) < len(was.nodes)):
            self.room_may_be_free()

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            started = self._now()
            await self._round()
            if not self._asking:  # leave others half of the time when nobody is being kept waiting
                await asyncio.sleep(min(self._now() - started, LONGEST_PAUSE_S))

    async def _round(self) -> None:
        asking, self._asking = self._asking, []
        try:
            await self._serve()
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it, and the next round must come
            failed("solving_failed", error)
            _fail(asking, error if isinstance(error, Busy) else Busy(f"placing failed: {error}"))
            await asyncio.sleep(RETRY_S)
            self._wake.set()
            return
        for future in asking:
            if not future.done():
                future.set_result(None)

    async def _serve(self) -> None:
        await self._ledger.ready()
        await self._take_back()
        while (wanted := self._next()) and await self._solve(wanted):
            pass
        await self._explain()

    async def _take_back(self) -> None:
        while self._taking:
            taking = list(self._taking)
            changes = [change for each in taking if (change := self._still_granted(each))]
            if not changes or await self._commit(changes):
                del self._taking[: len(taking)]

    def _still_granted(self, taken: Taken) -> Change | None:
        placement = self._census.placement(taken.placement)
        if placement is None:
            return None
        nodes: dict[str, str | None] = {slot: None for slot, node in taken.nodes.items() if placement.nodes.get(slot) == node}
        return Change(placement.namespace, placement.name, placement.uid, nodes) if nodes else None

    def _next(self) -> list[Want]:
        """Those to be solved now, as many as one commit may hold."""
        found: list[Want] = []
        pods = 0
        for want in in_order(want for want in self._open() if self._known(want.asked) is None):
            pods += len(want.asked.home)
            if found and pods > PODS_IN_BATCH:
                break
            found.append(want)
        return found

    def _open(self) -> list[Want]:
        return [want for key in self._census.systems_asking() for want in self._demands.of(asked(self._census, key))[0]]

    async def _solve(self, wanted: Sequence[Want]) -> bool:
        epoch = self._epoch
        self._supply.refresh()
        with step("gangs_solved", gangs=len(wanted)):
            answers = await asyncio.to_thread(self._supply.solve, wanted)
        changes = _changes(wanted, answers)
        if changes and not await self._commit(changes):
            return True
        for want, answer in zip(wanted, answers, strict=True):
            if isinstance(answer, Waiting):
                self._told[_fingerprint(want.asked)] = (epoch, answer)
        return True

    async def _commit(self, changes: Sequence[Change]) -> bool:
        """False when another agent was first: then what was solved counts for nothing."""
        try:
            await self._ledger.commit(changes)
        except Overtaken:
            await self._ledger.ready()
            return False
        return True

    def _known(self, gang: Asked) -> Waiting | None:
        """The answer it was given, if nothing has changed since."""
        epoch, waiting = self._told.get(_fingerprint(gang), (-1, None))
        return waiting if epoch == self._epoch else None

    async def _explain(self) -> None:
        told: dict[tuple[object, ...], tuple[int, Waiting]] = {}
        for key in self._census.systems_asking():
            for placement, waiting in self._reasons(key, told):
                if dict(placement.waiting) != waiting:
                    await self._sayer.say(placement, waiting)
        self._told = told

    def _reasons(
        self, key: SystemKey, told: dict[tuple[object, ...], tuple[int, Waiting]]
    ) -> list[tuple[Placement, dict[str, Waiting]]]:
        """What each Placement of a system is to say."""
        gangs = asked(self._census, key)
        blocked = {each.asked.name: Waiting(each.reason, each.message) for each in self._demands.of(gangs)[1]}
        says: dict[str, dict[str, Waiting]] = {placement.name: {} for placement in self._census.placements(key)}
        for gang in gangs.values():
            answer = self._told.get(_fingerprint(gang))
            if answer is not None and not gang.whole:
                told[_fingerprint(gang)] = answer
            reason = blocked.get(gang.name) or (answer[1] if answer else None)
            if reason is not None and not gang.whole:
                for placement in gang.home.values():
                    says[placement.name][gang.name] = reason
        return [(placement, says[placement.name]) for placement in self._census.placements(key)]


def _changes(wanted: Sequence[Want], answers: Sequence[Room | Waiting]) -> list[Change]:
    """One change for each Placement, from the answers for its gangs."""
    by_placement: dict[tuple[str, str], tuple[Placement, dict[str, str | None]]] = {}
    for want, answer in zip(wanted, answers, strict=True):
        if isinstance(answer, Waiting):
            continue
        for slot, placement in want.asked.home.items():
            node = answer.nodes[slot]
            if node != want.asked.nodes.get(slot):
                by_placement.setdefault(placement.key, (placement, {}))[1][slot] = node
    return [Change(*placement.key, placement.uid, nodes) for placement, nodes in by_placement.values()]


def _fingerprint(gang: Asked) -> tuple[object, ...]:
    """Changes when what it asks for, or what it has, changes."""
    return (*gang.key, gang.name, frozenset(gang.home), frozenset(gang.nodes.items()))


def _fail(asking: Sequence[asyncio.Future[None]], error: Exception) -> None:
    for future in asking:
        if not future.done():
            future.set_exception(error)
