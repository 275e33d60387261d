"""The door: the way by which an edit gets to the workflow of its system, and what that says of it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from activities.cache.store import Key
from activities.listening.nudging import Nudger
from activities.reports.edits import Declared, Scaled


class TurnedDown(Exception):
    """A command that its system does not accept; the message ends with what to do."""

    def __init__(self, reason: str, message: str, generation: int = 0) -> None:
        super().__init__(message)
        self.reason = reason
        self.generation = generation
        """Of the intent that it was refused in."""


@dataclass(frozen=True)
class Admitted:
    """An edit that a system has accepted."""

    changed: bool
    """False when it was so already."""
    generation: int
    """Of the intent since then."""


class Door(Nudger, Protocol):
    """The way to the systems' workflows. Raises `TurnedDown` for what is refused, `Busy` for what must be sent again."""

    async def declare(self, declared: Declared) -> Admitted:
        """Declare a system, or change it."""
        ...

    async def scale(self, scaled: Scaled) -> Admitted:
        """Change counts."""
        ...

    async def running(self) -> Collection[Key]:
        """Systems whose workflows run, as far as is known; one that began just now may be missing."""
        ...
