"""How a long-running process ends: politely, on SIGTERM or SIGINT."""

import asyncio
import signal


async def stopped() -> None:
    """Return when this process is told to end."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, told.set)
    await told.wait()
