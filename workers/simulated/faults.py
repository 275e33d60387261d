"""Faults on demand: answers that an API server in trouble gives instead of the right ones."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Trouble = Literal["conflict", "busy", "broken", "silent", "cut"]
WORDS: dict[Trouble, str] = {
    "conflict": "writes fail with 409",
    "busy": "calls fail with 429 and Retry-After",
    "broken": "calls fail with 500",
    "silent": "calls are never answered",
    "cut": "watches are cut",
}


class Fault(BaseModel):
    """One trouble: the next `times` calls that match have it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trouble: Trouble
    times: int = Field(default=1, ge=1, le=100_000)
    plural: str = ""
    """Only calls on this kind, such as `pods`; all when left out."""


class Faults:
    """What is still to go wrong."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """From now on."""
        self.waiting.append(fault)

    def clear(self) -> None:
        """All is well again."""
        self.waiting.clear()

    def strikes(self, plural: str, *, writes: bool, watches: bool) -> Trouble | None:
        """The trouble that this call has, if any; it is counted."""
        for index, fault in enumerate(self.waiting):
            fits = {"conflict": writes, "cut": watches}.get(fault.trouble, not watches)
            if fits and fault.plural in ("", plural):
                left = fault.times - 1
                self.waiting[index : index + 1] = [fault.model_copy(update={"times": left})] if left else []
                return fault.trouble
        return None
