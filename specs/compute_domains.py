"""NVLink over several nodes: the ComputeDomains of a PodCliqueSet, one for each group of each replica.

`grove.io/mnnvl-group` names the group: on a clique, else on its scaling group, else on the set; `none` is in none. Only cliques
that ask for GPUs count. NVIDIA's driver makes the ResourceClaimTemplate that a domain names, and pods claim by it.

Source: the API of `grove.io/v1alpha1`; ComputeDomain of `resource.nvidia.com/v1beta1`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from specs.names import domain_name
from specs.nvlink import GROUP, NONE
from specs.podcliqueset import PodCliqueSet
from specs.sections import entries, section

API_VERSION = "resource.nvidia.com/v1beta1"
CLAIM = "mnnvl-claim"
"""What pods call their claim."""
GPU = "nvidia.com/gpu"


class ComputeDomains:
    """Of one set; false where it has none."""

    def __init__(self, declared: PodCliqueSet) -> None:
        template = declared.spec.template
        around = {name: group.annotations for group in template.pod_clique_scaling_groups for name in group.clique_names}
        self._set = declared.metadata.name
        self._groups: dict[str, str] = {}
        for clique in template.cliques:
            group = _first(clique.annotations, around.get(clique.name, {}), declared.metadata.annotations)
            if group != NONE and asks_for_gpus(clique.spec.pod_spec):
                self._groups[clique.name] = group

    def __bool__(self) -> bool:
        return bool(self._groups)

    @property
    def groups(self) -> Sequence[str]:
        """Their names."""
        return sorted(set(self._groups.values()))

    def of(self, slot: str) -> str:
        """The ComputeDomain of a pod; "" for none."""
        group = self._groups.get(slot.rsplit("/", 2)[-2])
        return domain_name(self._set, slot.partition("/")[0], group) if group else ""


def asks_for_gpus(spec: Mapping[str, Any]) -> bool:
    """Whether any container of a pod's spec does."""
    return any(container_asks(each) for field in ("containers", "initContainers") for each in entries(spec, field))


def container_asks(container: Mapping[str, Any]) -> bool:
    """Whether a container asks for GPUs."""
    return any(str(section(container, "resources", part).get(GPU, "0")) != "0" for part in ("limits", "requests"))


def _first(*annotations: Mapping[str, str]) -> str:
    return next((found for each in annotations if (found := each.get(GROUP)) is not None), NONE)
