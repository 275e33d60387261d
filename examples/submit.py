"""Submit a system from a program of your own, wait until it is ready, scale it, and delete it.

python examples/submit.py examples/small.yaml server=3
"""

import asyncio
import os
import sys
from pathlib import Path

from specs.reading import read
from specs.system import InferenceSystem
from workflows.client import Systems

ADDRESS = os.environ.get("ESPALIER_TEMPORAL_ADDRESS", "127.0.0.1:7233")


def declared(manifest: str) -> InferenceSystem:
    """The first system of a manifest."""
    return next(each for each in read(Path(manifest).read_text(), manifest) if isinstance(each, InferenceSystem))


async def main(system: InferenceSystem, part: str, count: int) -> None:
    """Live one life of a system."""
    namespace, name = system.metadata.namespace, system.metadata.name
    systems = await Systems.connect(ADDRESS, who="submit.py")

    accepted = await systems.apply(system)
    print(f"{name} is accepted as generation {accepted.generation}")
    await until(systems, namespace, name, "Ready")

    await systems.scale(namespace, name, {part: count})
    print(f"{name} is to have {count} of {part}")
    await until(systems, namespace, name, "Ready")

    await systems.delete(namespace, name)
    await until(systems, namespace, name, "Deleted")


async def until(systems: Systems, namespace: str, name: str, phase: str) -> None:
    """Wait for a phase, and say what goes on meanwhile."""
    said = ""
    while True:
        status = await systems.status(namespace, name)
        line = f"{name} is {status.phase}: {status.message}"
        if line != said:
            print(line)
        if status.phase == phase:
            return
        said = line
        await asyncio.sleep(0.2)


if __name__ == "__main__":
    changed, _, number = sys.argv[2].partition("=")
    asyncio.run(main(declared(sys.argv[1]), changed, int(number)))
    sys.stdout.flush()
    os._exit(0)  # the Temporal SDK's threads now and then crash an interpreter that ends by itself (sdk-python issue 300)
