"""How soon the same thing is tried again, so that nothing ever spins and nothing is given up. Pure.

| the last try          | and now                        | rests for                            |
|-----------------------|--------------------------------|--------------------------------------|
| wrote something       | all looks as before            | nothing, then 0.25 s, 0.5 s ... 300 s |
| found nothing to do   | all looks as before            | until something happens              |
| failed or was refused | whatever happened              | 5 s, 10 s, 20 s ... 300 s            |

A situation that did not recur for ten times its rest (10 s at least) is forgiven.
"""

import hashlib
from typing import Literal

from pydantic import Field

from activities.messages import Message, Observation

LONGEST_S = 300.0
FIRST_S = 0.25
FIRST_AFTER_REFUSAL_S = 5.0
FORGIVEN_AFTER = 10.0
SOONEST_S = 0.05

Result = Literal["done", "idle", "refused"]
_VOLATILE = {"question", "versions", "waits", "deviants", "gpus", "copies", "ready_copies", "recorded", "again_s"}


class Try(Message):
    """The last time that one action was tried."""

    at: float
    """Seconds since 1970."""
    facts: str
    result: Result = "done"
    again: int = 0
    """How often it had been tried in the same situation before."""

    @property
    def rest_s(self) -> float:
        """How long it rests, unless it waits for something to happen."""
        if self.result == "refused":
            return min(FIRST_AFTER_REFUSAL_S * 2.0 ** min(self.again, 10), LONGEST_S)
        return min(FIRST_S * 2.0 ** min(self.again - 1, 20), LONGEST_S) if self.again else 0.0

    def rests(self, now: float, facts: str, *, stirred: bool) -> bool:
        """Whether it is to be passed over. `stirred`: something happened since it was tried."""
        if self.result == "refused":
            return now < self.at + self.rest_s
        if facts != self.facts:
            return False
        return not stirred if self.result == "idle" else now < self.at + self.rest_s

    def recurs(self, now: float, facts: str, result: Result) -> bool:
        """Whether a try with this result is a repetition of this one."""
        recently = now - self.at <= FORGIVEN_AFTER * max(1.0, self.rest_s)
        return recently and (facts == self.facts or result == self.result == "refused")


class Pace(Message):
    """The last try of every action."""

    tries: dict[str, Try] = Field(default_factory=dict)

    def resting(self, now: float, facts: str = "", *, stirred: bool = False) -> tuple[str, ...]:
        """Actions to be passed over."""
        return tuple(name for name, last in self.tries.items() if last.rests(now, facts, stirred=stirred))

    def tried(self, action: str, now: float, facts: str, result: Result) -> "Pace":
        """With one more try."""
        last = self.tries.get(action)
        again = last.again + 1 if last is not None and last.recurs(now, facts, result) else 0
        return Pace(tries={**self.tries, action: Try(at=now, facts=facts, result=result, again=again)})

    def forgetting(self, action: str) -> "Pace":
        """Without the tries of one action."""
        return Pace(tries={name: last for name, last in self.tries.items() if name != action})

    def next_s(self, now: float, most: float) -> float:
        """Seconds until the first rest ends, `most` at most."""
        left = (last.at + last.rest_s - now for last in self.tries.values() if last.result != "idle")
        return max(SOONEST_S, min([most, *(each for each in left if each > 0)]))


def facts(seen: Observation) -> str:
    """A few letters that stand for the situation: counts, and which slots are not as they should be."""
    slots = ",".join(f"{each.slot}={each.state}" for each in seen.deviants)
    text = seen.model_dump_json(exclude=_VOLATILE) + slots
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
