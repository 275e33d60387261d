"""Losses: what hosts lose of their worth to the usual pods when one more pod comes, where pods share GPUs."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from topology.supply.devices import WHOLE, Free, ways, without
from topology.supply.fractions import GPU, MODEL
from topology.supply.room import Fits, Room
from topology.supply.usual import Floats, Losses, Mix

MOST_HOSTS = 2_000
"""Hosts that are weighed one by one for a pod; of more, those of the tightest domain are."""
NEVER = float("inf")


class State(NamedTuple):
    """What is free on a host: cpu in thousandths, memory in bytes, devices; and their model."""

    cpu: int
    memory: int
    free: Free
    model: str


def losses(room: Room, fits: Fits, mix: Mix) -> Floats:
    """What each host would be worth less with one more pod. Keep no part of it over a change.

    Cost: 3 us for each host that has changed since it was last asked for this shape; 0.1 ms for a state never seen before.
    """
    known = fits.losses
    if known is None or known.mix is not mix:
        known = fits.losses = Losses(mix, np.full(len(room.layout.hosts), NEVER), room.changes)
        hosts: Sequence[int] = range(len(room.layout.hosts))
    else:
        hosts = room.changed(known.seen)
        known.seen = room.changes
    able = room.fresh(fits).host
    for host in hosts:
        known.at[host] = loss(mix, state(room, host), fits) if able[host] else NEVER
    return known.at


def loss(mix: Mix, before: State, fits: Fits) -> float:
    """What a host in this state would be worth less."""
    return mix.worth(*before) - mix.worth(*after(before, fits))


def state(room: Room, host: int) -> State:
    """What is free on a host now."""
    row, columns = room.free[host].tolist(), room.columns
    cpu, memory, gpus = (row[columns[name]] if name in columns else 0 for name in ("cpu", "memory", GPU))
    free = room.sharing.devices(room.free[host]) if room.sharing and room.shares(host) else (WHOLE,) * gpus
    return State(cpu, memory, free, room.layout.hosts[host].labels.get(MODEL, ""))


def after(before: State, fits: Fits) -> State:
    """The same host with one such pod more, on the devices that it would get."""
    asked, ask = dict(fits.shape.requests), fits.need.ask
    free = without(before.free, ask, next(ways(before.free, ask), ()))
    return State(before.cpu - asked.get("cpu", 0), before.memory - asked.get("memory", 0), free, before.model)
