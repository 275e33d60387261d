"""Let a system be small at night: two schedules from a program of your own. The first is run at once, to see what it does.

python examples/schedule.py small server=1 server=2
"""

import asyncio
import os
import sys

from workflows.requests import Scheduled
from workflows.schedules import Schedules
from workflows.timetables import Timetable

ADDRESS = os.environ.get("ESPALIER_TEMPORAL_ADDRESS", "127.0.0.1:7233")
NAMESPACE, ZONE = "default", "Europe/Berlin"


async def main(system: str, at_night: dict[str, int], by_day: dict[str, int]) -> None:
    """Add both, run one, show both, remove both."""
    schedules = await Schedules.connect(ADDRESS, who="schedule.py")
    ref = schedules.ref(NAMESPACE, system)

    for name, cron, counts in (("night", "0 22 * * *", at_night), ("morning", "0 6 * * mon-fri", by_day)):
        scheduled = Scheduled(ref=ref, name=name, counts=counts)
        added = await schedules.add(Timetable(scheduled=scheduled, cron=cron, time_zone=ZONE))
        print(f"{name}: {scheduled.words} {added.when}, next at {added.next[0].isoformat()}")

    answer = await schedules.run(ref, "night")
    print(f"night ran: {answer.message}")
    for each in await schedules.list(NAMESPACE, system):
        print(f"{each.scheduled.name} ran {each.runs} times; last: {each.last.outcome if each.last else 'never'}")

    for name in ("night", "morning"):
        await schedules.remove(ref, name)


def counts_of(word: str) -> dict[str, int]:
    """`server=1` -> {"server": 1}."""
    path, _, number = word.partition("=")
    return {path: int(number)}


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], counts_of(sys.argv[2]), counts_of(sys.argv[3])))
    sys.stdout.flush()
    os._exit(0)  # the Temporal SDK's threads now and then crash an interpreter that ends by itself (sdk-python issue 300)
