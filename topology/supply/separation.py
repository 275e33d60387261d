"""Separation: systems that are to share no domain, whichever of them comes first."""

from collections.abc import Iterator
from dataclasses import dataclass

from specs.system import InferenceSystem


@dataclass(frozen=True, slots=True)
class Separation:
    """What one system says of others."""

    others: tuple[str, ...]
    """Namespace and name of each."""
    level: str
    required: bool


class Separations:
    """All that systems say of each other. It holds both ways."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[Separation, ...]] = {}

    def put(self, system: str, said: tuple[Separation, ...]) -> None:
        """What a system says from now on; nothing, for one that is gone."""
        if said:
            self._said[system] = said
        else:
            self._said.pop(system, None)

    def of(self, system: str) -> Iterator[tuple[str, Separation]]:
        """Whom a system keeps apart from: as it says, then as others say. Cost: linear in systems that say anything."""
        for rule in self._said.get(system, ()):
            yield from ((other, rule) for other in rule.others)
        for other in sorted(self._said):
            yield from ((other, rule) for rule in self._said[other] if system in rule.others)

    def copy(self) -> "Separations":
        made = Separations()
        made._said = dict(self._said)
        return made


def separations(system: InferenceSystem) -> tuple[Separation, ...]:
    """What a manifest says of other systems."""
    space = system.metadata.namespace
    return tuple(
        Separation(tuple(f"{space}/{name}" for name in rule.systems), rule.over, rule.strength == "required")
        for rule in system.spec.apart
    )
