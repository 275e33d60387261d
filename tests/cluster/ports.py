"""Free TCP ports that stay free while a component is restarted."""

import random
import socket
from contextlib import ExitStack

# Below the range that Linux and macOS give to outgoing connections: one of those could otherwise take the port in between.
LOWEST, HIGHEST = 20_000, 30_000


def free_ports(count: int) -> tuple[int, ...]:
    """That many different ports which nobody listened on just now."""
    with ExitStack() as held:
        return tuple(_hold_one(held) for _ in range(count))


def _hold_one(held: ExitStack) -> int:
    while True:
        port = random.randrange(LOWEST, HIGHEST)
        holder = held.enter_context(socket.socket())
        try:
            holder.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port
