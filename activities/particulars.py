"""Particulars of an observation: what it tells apart. Wire format, and pure, as `activities.messages`, which has them all."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """Frozen; unknown fields are ignored, because newer code reads older histories and older code newer ones."""

    model_config = ConfigDict(frozen=True, extra="ignore")


PodClass = Literal[
    "missing",  # granted a node, no pod yet (or its pod is gone)
    "bare",  # waits for room and has no gated pod in sight yet
    "waiting",  # waits for room; its gated pod is in sight
    "unheld",  # gated, not due, and not nominated on the node that it is granted now, if any
    "held",  # granted, gated, not due, nominated
    "later",  # the same, and it starts when its unit, which is of an older revision, is updated
    "due",  # granted, gated, and its turn has come
    "pinned",  # released, not bound yet
    "refused",  # released, and the scheduler says it cannot go
    "starting",  # bound, not Ready
    "ready",
    "failed",  # phase Failed or Succeeded, or never Ready: will not come back by itself
    "halted",  # the same, and failed so often that it is let be for a while, or until somebody has looked
    "lost",  # its node is gone, or has not answered for too long
    "leaving",  # being deleted, still wanted
    "surplus",  # a pod that nobody wants any more, or a second one for a slot
]


class Deviant(Message):
    """One pod that is not as it should be."""

    slot: str
    pod: str = ""
    node: str = ""
    state: PodClass
    message: str = ""


class OnGpus(Message):
    """Which GPUs of its node a pod has, where pods share them."""

    pod: str
    node: str
    gpus: str
    """Indexes, `0,1`."""


class OfRevision(Message):
    """How many units are of one revision."""

    revision: str
    number: int = 0
    """Of the revision; 0 where it is not kept any more."""
    units: int = 0
    first: str = ""
    """The first of them, by its path: `0/decode/2`."""
