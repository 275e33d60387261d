"""How a long-running process serves, and how it ends: politely, on SIGTERM or SIGINT."""

import asyncio
import gc
import signal

COLLECTS = (20_000, 20, 20)
"""Objects made before the youngest are looked through, and how often those before the older ones; Python's own is 700, 10, 10."""


def settle() -> None:
    """What the process holds by now stays: the garbage collector passes it over, and looks through the rest less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTS)


async def stopped() -> None:
    """Return when this process is told to end."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, told.set)
    await told.wait()
