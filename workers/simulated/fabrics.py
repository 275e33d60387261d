"""Which nodes a simulated cluster has: a preset by name, a file that describes a fabric, or an inventory."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from specs.owners import Manifest
from workers.failure import Failure
from workers.simulated import fleets

PRESETS: Mapping[str, Callable[[int], Iterable[Manifest]]] = {
    "gb200": fleets.gb200,
    "dgx": fleets.dgx_h100,
    "plain": lambda racks: fleets.plain(racks * fleets.NODES_PER_NVL72),
}
LABELS = "topology.espalier.dev"
REMEDY = "Choose gb200, dgx or plain, or name a file: levels, hosts and capacity in YAML, or an inventory in CSV; see docs/cli.md"


class Level(BaseModel):
    """One level of the network."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")
    count: int = Field(ge=1, le=10_000)
    """Domains of it in each domain of the level before."""


class FabricFile(BaseModel):
    """A fleet of equal hosts: levels broad to narrow, and hosts in each narrowest domain."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    levels: tuple[Level, ...] = ()
    hosts: int = Field(ge=1, le=10_000)
    capacity: dict[str, str]
    labels: dict[str, str] = Field(default_factory=dict)

    def nodes(self) -> Iterator[Manifest]:
        """Named by their domains: `block-0-rack-1-03`."""
        capacity = {"pods": "110", **self.capacity}
        for path in itertools.product(*(range(level.count) for level in self.levels)):
            steps = [f"{level.name}-{index}" for level, index in zip(self.levels, path, strict=True)]
            domains = {f"{LABELS}/{level.name}": "-".join(steps[: depth + 1]) for depth, level in enumerate(self.levels)}
            for host in range(self.hosts):
                yield fleets.node(
                    "-".join((*steps, f"{host:02}")) if steps else f"host-{host:02}", {**self.labels, **domains}, capacity
                )


def nodes_of(fabric: str, racks: int) -> list[Manifest]:
    """The nodes of a fabric. Raises `Failure` for a name or a file that says none."""
    if fabric in PRESETS:
        return list(PRESETS[fabric](racks))
    file = Path(fabric)
    if not file.is_file():
        raise Failure(f"there is no fabric {fabric!r}, nor a file of that name", REMEDY)
    try:
        return list(fleets.openb(file) if file.suffix == ".csv" else _read(file).nodes())
    except (KeyError, TypeError, UnicodeDecodeError, ValueError, yaml.YAMLError) as error:
        raise Failure(f"{fabric} is not a fabric: {_sentence(error)}", REMEDY) from None


def _read(file: Path) -> FabricFile:
    return FabricFile.model_validate(yaml.safe_load(file.read_text()))


def _sentence(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}"
    return f"it lacks {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
