"""The annotation that names a group of cliques with NVLink over several nodes. Pure."""

import re
from collections.abc import Mapping

from specs.owners import GROVE

GROUP = f"{GROVE}/mnnvl-group"
"""Annotation, and label of the ComputeDomain."""
NONE = "none"
"""Its value where there is to be no such group."""
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def check_group(annotations: Mapping[str, str]) -> None:
    """Refuse a name that no ComputeDomain can have."""
    name = annotations.get(GROUP)
    if name is not None and not _LABEL.fullmatch(name):
        raise ValueError(
            f"annotation {GROUP} is {name!r}; give it a name of lower-case letters, digits and dashes, at most 63 long, or {NONE}"
        )
