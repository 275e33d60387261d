"""Whether the levels that a system names are those of a fabric, in their order: what no room would ever mend."""

from specs.gangs import expand
from specs.paths import COPIES, roles
from specs.system import SystemSpec
from topology.search.units import Misfit, unit_of
from topology.supply.fabric import Fabric


def misfit(name: str, spec: SystemSpec, fabric: Fabric) -> str:
    """The sentence that its gangs would be told; empty when all can be placed in such a fabric. Cost: linear in a copy's pods."""
    kinds = {path: 0 for path, _ in roles(spec)}
    try:
        for gang in expand(name, spec, {COPIES: 1}):
            unit_of(gang.root, kinds, fabric, tuple((scope.name, scope.level) for scope in gang.scopes if scope.name == ""))
    except Misfit as error:
        return error.message
    return ""
