"""Which GPUs pods have, on nodes where pods share them."""

from activities.messages import OnGpus
from activities.state.cases import Case
from specs.names import hostname
from topology.line.turns import natural

MOST = 50


def on_gpus(case: Case) -> tuple[OnGpus, ...]:
    """Of the first pods by name. Cost: nothing where nobody shares."""
    grants = case.digest.grants
    slots = sorted((slot for slot in grants.devices if slot in grants.node), key=natural)[:MOST]
    return tuple(OnGpus(pod=hostname(case.key[1], slot), node=grants.node[slot], gpus=grants.devices[slot]) for slot in slots)
