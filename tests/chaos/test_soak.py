"""Churn: many systems, four kinds of client, and faults all the while; every promise watched, every object accounted for.

`make soak` runs a minute with 24 systems first, and then `SOAK_MINUTES` (60) with `SOAK_SYSTEMS` (200).
"""

import asyncio
import os
import random
import time
from collections.abc import Sequence
from functools import partial

import pytest
from temporalio.client import Client

from tests.chaos.accounts import nobodys, there
from tests.chaos.churn import END_S, FAULT_EVERY_S, PAUSE_S, RECOVERY_S, Churn
from tests.chaos.settling import insist, nothing_left, watched_racks
from tests.chaos.takings import Takings
from tests.chaos.witness import Witness, watching
from tests.cluster.api import Api
from tests.running import Espalier
from workflows.client import Systems

RACKS_FOR = 12
"""Systems to a rack of 72 GPUs, so that all of them fit at the end and not always before."""


@pytest.mark.cluster
@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_a_minute_of_churn(empty: Api, house: Espalier, fresh_namespace: str) -> None:
    await churned(empty, house, fresh_namespace, systems=24, minutes=1)


@pytest.mark.cluster
@pytest.mark.soak
async def test_churn(empty: Api, house: Espalier, fresh_namespace: str) -> None:
    systems, minutes = int(os.environ.get("SOAK_SYSTEMS", "200")), float(os.environ.get("SOAK_MINUTES", "60"))
    await churned(empty, house, fresh_namespace, systems, minutes)


async def churned(api: Api, house: Espalier, namespace: str, systems: int, minutes: float) -> None:
    seed = int(os.environ.get("SOAK_SEED", "1"))
    witness = await watched_racks(api, -(-systems // RACKS_FOR))
    client = await Systems.connect(house.address)
    until, pause_s, fault_s = time.monotonic() + 60 * minutes, PAUSE_S * systems, FAULT_EVERY_S + RECOVERY_S * systems
    takings = Takings()
    churn = Churn(api, house, client, namespace, random.Random(seed), until, pause_s, fault_s, takings)
    witness.takings = takings
    try:
        async with watching(api, namespace, witness):
            await lived(churn, witness, systems)
            await ended(churn)
    finally:
        print("", *told(seed, churn, witness), sep="\n")
    assert witness.broken == []


async def lived(churn: Churn, witness: Witness, systems: int) -> None:
    """Until the time is over, and all are as they are to be."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for index in range(systems):
                tasks.create_task(churn.life(f"s{index:03}"))
            tasks.create_task(churn.faults(sorted(witness.racks)))
    except ExceptionGroup as failures:  # told here: of hundreds of lives pytest can't show where each was
        raise AssertionError("; ".join(map(repr, failures.exceptions))) from None
    started = time.monotonic()
    await insist(churn.as_wanted, END_S)
    churn.done["seconds until as wanted"] = round(time.monotonic() - started)
    await insist(partial(none_is_nobodys, churn), END_S)


async def none_is_nobodys(churn: Churn) -> None:
    found = await there(churn.api, churn.namespace)
    churn.objects = {plural: len(items) for plural, items in sorted(found.items())}
    assert nobodys(found) == []


async def ended(churn: Churn) -> None:
    """All are deleted, and nothing is left: no object of any kind, no workflow, no schedule."""
    for name in sorted(churn.wanted):
        churn.takings.goes(name)
        await insist(partial(churn.systems.delete, churn.namespace, name, request_id=f"end-{name}"), END_S)
    await nothing_left(churn.api, churn.namespace, END_S)
    temporal = await Client.connect(churn.house.address)
    await insist(partial(forgotten, temporal), END_S)


async def forgotten(temporal: Client) -> None:
    left = [each.id async for each in temporal.list_workflows("ExecutionStatus='Running'")]
    schedules = [each.id async for each in await temporal.list_schedules()]
    assert (left, schedules) == ([], [])


def told(seed: int, churn: Churn, witness: Witness) -> Sequence[str]:
    """What was done and what was seen, and whether every promise was kept."""
    takings, faults = churn.takings, {what: count for what, count in churn.done.items() if what.startswith("fault")}
    acts = {what: count for what, count in churn.done.items() if what not in faults}
    made = sum(witness.created.values())
    return [
        f"seed {seed}: {sum(acts.values())} operations {acts}",
        f"{sum(faults.values())} faults {faults}",
        f"{witness.changes} changes seen, {made} pods made, {witness.heads.commits} commits of the ledger",
        f"{takings.taken} units that served were taken {dict(takings.reasons)}, never with more than {takings.most_away} away",
        f"objects when all were as wanted: {churn.objects}",
        f"broken: {witness.broken[:10] or 'none'}",
    ]
