"""The solver: one task per agent that gives room to whoever waits for it, all at once, whenever something has changed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from activities.cache.census import Census, SystemKey
from activities.cache.placements import Placement, Waiting
from activities.cluster.kube import Busy, Overtaken, Refused
from activities.room.answered import Answered
from activities.room.bell import Bell
from activities.room.changes import changes_of, given_back
from activities.room.demands import NEEDS, STALE, Demands, Want, asked
from activities.room.ledger import PODS_IN_BATCH, Change, Ledger
from activities.room.queueing import heads, queue, without_orphans
from activities.room.room import Clearing, Room, Supply
from activities.state.unplaced import Unplaced
from activities.telemetry import failed, worked
from topology.line.line import FOR_ROOM

LONGEST_PAUSE_S = 1.0
RETRY_S = 0.5
SLACK_S = 0.1
T = TypeVar("T")


class Sayer(Protocol):
    """Tells Placements why their gangs wait."""

    async def say(self, placement: Placement, waiting: Mapping[str, Waiting]) -> None: ...


@dataclass(frozen=True)
class Taken:
    """Room to take back, if it is still so granted."""

    placement: Placement
    nodes: Mapping[str, str]


@dataclass(frozen=True)
class Move:
    """Pods of one system that are to leave for other places, together."""

    wanted: Callable[[], Sequence[Want]]
    """Their gangs, as they are when it is looked for room."""
    may_stay: bool
    """On the nodes that they have, where they fit."""
    to: Mapping[str, str]
    """Slot -> the node that it is to go to, which is free now; empty: wherever there is room."""
    then: Callable[[], Awaitable[None]]
    """Awaited once they have their places, before anybody else gets room."""


class Solver:
    """Solves what has queued while it was solving; with nothing queued it answers at once.

    Whoever has no room is tried again when room may have come free, in order of priority and age.
    """

    def __init__(
        self,
        ledger: Ledger,
        census: Census,
        demands: Demands,
        supply: Supply,
        sayer: Sayer,
        now: Callable[[], float],
        unplaced: Unplaced,
    ) -> None:
        self._ledger = ledger
        self._census = census
        self._demands = demands
        self._supply = supply
        self._sayer = sayer
        self._now = now
        self._unplaced = unplaced
        self._bell = Bell()
        self._bell.ring()  # an earlier agent may have left a batch that is committed and not yet copied
        self._asking: list[asyncio.Future[None]] = []
        self._taking: list[Taken] = []
        self._moving: list[tuple[Move, asyncio.Future[Waiting | None]]] = []
        self._answered = Answered()
        self._turn = asyncio.Lock()
        self._wrote_s = 0.0
        """Of the round that is under way: waiting for the API server."""

    async def answer(self) -> None:
        """Return when all that the cache shows now was answered: granted, or told why not."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asking.append(future)
        self._bell.ring()
        await future

    def refusal(self, placement: str) -> Refused | None:
        """Why the cluster would not have this Placement (a UID) answered; None when it had nothing against it."""
        return self._ledger.refused.get(placement)

    async def withdraw(self, taken: Sequence[Taken]) -> None:
        """Take room back, and return when those who lost it were answered anew."""
        self._taking.extend(taken)
        await self.answer()

    async def rehouse(self, move: Move) -> Waiting | None:
        """Give pods other places instead of theirs, and return when they have them; or why there is no room."""
        future: asyncio.Future[Waiting | None] = asyncio.get_running_loop().create_future()
        self._moving.append((move, future))
        self._bell.ring()
        return await future

    @property
    def epoch(self) -> int:
        """Grows whenever room may have come free."""
        return self._answered.epoch

    async def study(self, question: Callable[[], Callable[[], T]]) -> T:
        """Have a question answered between two rounds, in a thread: what it takes down, then what it finds."""
        async with self._turn:
            return await asyncio.to_thread(question())

    def room_may_be_free(self, but: SystemKey | None = None) -> None:
        """Something left, or came: those who wait are tried again. `but`: a system that only asks for less itself."""
        self._answered.more_room()
        self._unplaced.more_room(but)
        if self._answered.anybody_waits:
            self._bell.ring()

    def placement_changed(self, was: Placement | None, now: Placement | None) -> None:
        """A demand or an answer changed, by whomever."""
        if now is not None and not now.whole and (was is None or was.entries != now.entries or was.nodes != now.nodes):
            self._bell.ring()
        if was is not None and (now is None or was.entries != now.entries or len(now.nodes) < len(was.nodes)):
            self.room_may_be_free(None if was.nodes else (was.namespace, was.system))
        if was is not None and now is not None and was.importance != now.importance:
            self.room_may_be_free()  # whom it had to let pass, or who had to let it pass

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            await self._until_woken()
            started, self._wrote_s = self._now(), 0.0
            async with self._turn:
                await self._round()
            if not self._asking:  # leave others half of the time when nobody is being kept waiting; while it writes they have it
                await asyncio.sleep(min(self._now() - started - self._wrote_s, LONGEST_PAUSE_S))

    async def _until_woken(self) -> None:
        """Or until a refusal has run its time: then its node is tried again."""
        end_s = self._demands.next_end_s() if self._answered.anybody_waits else None
        if not await self._bell.heard(self._is_awaited, None if end_s is None else end_s + SLACK_S):
            self._answered.more_room()

    def _is_awaited(self) -> bool:
        return bool(self._asking or self._moving)

    async def _round(self) -> None:
        asking, self._asking = self._asking, []
        try:
            await self._serve()
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it, and the next round must come
            failed("solving_failed", error)
            fault = f"placing failed by a fault of its own ({error}); it is tried again, see the agent's log"
            moving, self._moving = self._moving, []
            waiting: list[asyncio.Future[Any]] = [*asking, *(future for _, future in moving)]
            for future in waiting:
                if not future.done():
                    future.set_exception(error if isinstance(error, Busy) else Busy(fault))
            await asyncio.sleep(RETRY_S)
            self._bell.ring()
            return
        for future in asking:
            if not future.done():
                future.set_result(None)

    async def _serve(self) -> None:
        await self._ledger.ready()
        await self._take_back()
        while self._moving:
            await self._move(*self._moving[0])
        while wanted := self._next():
            await self._solve(wanted)
        await self._explain()

    async def _take_back(self) -> None:
        while self._taking:
            taking = list(self._taking)
            changes = [change for each in self._and_lost(taking) if (change := self._still_granted(each))]
            if not changes or await self._commit(changes):
                del self._taking[: len(taking)]

    async def _move(self, move: Move, future: "asyncio.Future[Waiting | None]") -> None:
        """One after the other; whoever has given up waiting is not moved."""
        wanted: Sequence[Want] = () if future.done() else move.wanted()
        answer = await asyncio.to_thread(self._supply.rehouse(wanted, may_stay=move.may_stay, to=move.to)) if wanted else None
        if isinstance(answer, Room):
            changes = changes_of(wanted, [answer] * len(wanted), self._census.placements, self._demands.now())
            if changes and not await self._commit(changes):
                return
            await move.then()
        self._moving.pop(0)
        if not future.done():
            future.set_result(answer if isinstance(answer, Waiting) else None)

    def _and_lost(self, taking: Sequence[Taken]) -> list[Taken]:
        """These, and all that is lost with them on other systems' part: what a rack leaves behind is placed anew as a whole."""
        found = {each.placement.uid: each for each in taking}
        if any(self._census.lost(each.placement).keys() & each.nodes.keys() for each in taking):
            for placement in self._census.granting():
                if lost := self._census.lost(placement):
                    known = found.get(placement.uid)
                    found[placement.uid] = Taken(placement, {**lost, **(known.nodes if known else {})})
        return list(found.values())

    def _still_granted(self, taken: Taken) -> Change | None:
        placement = self._census.placement(taken.placement)
        if placement is None:
            return None
        return given_back(placement, taken.nodes)

    def _next(self) -> list[Want]:
        """Those to be solved now, as many as one commit may hold."""
        ordered = queue(self._census, self._demands)
        waiting = heads(known for want in ordered if (known := self._known(want)))
        fresh: list[Want] = []
        pods = 0
        for want in without_orphans(want for want in ordered if not self._answered.holds(want.asked)):
            pods += len(want.asked.home)
            if fresh and pods > PODS_IN_BATCH:
                break
            fresh.append(want)
        chosen = {(want.asked.key, want.asked.name): want for want in (*waiting, *fresh)} if fresh else {}
        return [chosen[name] for want in ordered if (name := (want.asked.key, want.asked.name)) in chosen]

    def _known(self, want: Want) -> Want | None:
        """A gang that waits for room and need not be tried again; others may pass it only if that does not hold it up."""
        known = self._answered.of(want.asked) if self._answered.holds(want.asked) else None
        minded = known is not None and (known.reason in FOR_ROOM or known.promised is not None)
        return replace(want, known=known) if minded else None

    async def _solve(self, wanted: Sequence[Want]) -> None:
        epoch = self._answered.epoch
        solve = self._supply.prepare(wanted)
        answers = await worked("gangs_solved", solve, gangs=len(wanted))
        changes = changes_of(wanted, answers, self._census.placements, self._demands.now())
        if changes and not await self._commit(changes):
            return
        for want, answer in zip(wanted, answers, strict=True):
            waiting = answer.waiting if isinstance(answer, Clearing) else answer
            if isinstance(waiting, Waiting) and want.known is None:
                self._answered.tell(want.asked, waiting, epoch)

    async def _commit(self, changes: Sequence[Change]) -> bool:
        """False when another agent was first: then what was solved counts for nothing."""
        try:
            await self._written(self._ledger.commit(changes))
        except Overtaken:
            await self._ledger.ready()
            return False
        return True

    async def _written(self, write: Awaitable[object]) -> None:
        started = self._now()
        try:
            await write
        finally:
            self._wrote_s += self._now() - started

    async def _explain(self) -> None:
        """Have every Placement say what was found, and forget answers that concern nobody any more."""
        waiting: list[Want] = []
        for key in self._census.systems_asking():
            reasons = self._reasons(key, waiting)
            for placement in self._census.placements(key):
                says = {entry.gang: reasons[entry.gang] for entry in placement.entries if entry.gang in reasons}
                if dict(placement.waiting) != says:
                    await self._say(placement, says)
        self._answered.keep_only(want.asked for want in waiting)

    async def _say(self, placement: Placement, says: Mapping[str, Waiting]) -> None:
        """One that the cluster will not have written must not keep the others from being told."""
        try:
            await self._written(self._sayer.say(placement, says))
        except Refused as error:
            failed("reason_not_written", error, namespace=placement.namespace, placement=placement.name)

    def _reasons(self, key: SystemKey, waiting: list[Want]) -> dict[str, Waiting]:
        """Why each gang of one system waits; the gangs are added to `waiting`."""
        wants, stale = self._demands.of(key, asked(self._census, key))
        waiting.extend(wants)
        reasons = {each.asked.name: Waiting(STALE, each.message) for each in stale}
        for want in wants:
            known = want.asked.told(self._answered.of(want.asked))
            if known is None and want.needs:
                known = Waiting(NEEDS, f"waits until {want.needs} has its room, because it only adds to that")
            if known is not None:
                reasons[want.asked.name] = known
        return reasons
