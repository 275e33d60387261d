"""What others took from a pod while it was admitted, and it can't do without. Pure.

What they add is no harm: requests count as room taken, and a node that does not suit any more the scheduler refuses.
"""

from activities.cache.pods import is_gated, pin_of
from activities.cluster.kube import Manifest
from specs.names import DOMAIN, GATE
from specs.sections import section


def taken_from(sent: Manifest, stored: Manifest) -> str:
    """The first such thing, in words; "" where nothing is missing."""
    for field, word in (("labels", "label"), ("annotations", "annotation")):
        there = section(stored, "metadata", field)
        for key, value in section(sent, "metadata", field).items():
            if key.startswith(f"{DOMAIN}/") and there.get(key) != value:
                return f"{word} {key}"
    if is_gated(sent["spec"]) and not is_gated(stored["spec"]):
        return f"scheduling gate {GATE}"
    pin = pin_of(sent["spec"])
    return f"node affinity for {pin}" if pin and pin_of(stored["spec"]) != pin else ""
