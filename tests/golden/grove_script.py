"""The same verbs for whoever has only kubectl and Grove's own manifests."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.cluster.kubectl import Kubectl
from tests.golden.script import Script

MANIFESTS = Path(os.environ.get("ESPALIER_DATA", "/nonexistent")) / "manifests" / "workloads"
FILES = {
    "tas2": "tas-indep-clq", "tas3": "tas-sl-pcs-only", "tas4": "tas-sl-pcsg-only", "tas5": "tas-host-level",
    "tas6": "tas-standalone-pclq-only-pcs-zone", "tas7": "tas-no-constraint", "tas8": "tas-hierarchy", "tas9": "tas-pcs-pclq",
    "tas10": "tas-pcsg-scale", "tas11": "tas-pcsg-pclq", "tas12": "tas-large-scale", "tas13": "tas-insuffic",
}  # fmt: skip
"""Names of the retold cases -> Grove's files."""


@dataclass
class GroveScript(Script):
    """One case."""

    kubectl: Kubectl = field(kw_only=True)
    copies: int = 1

    async def apply(self, name: str, ready_after: str = "") -> None:
        """Apply one of Grove's manifests as it is; where pods are to take their time, with that annotation."""
        text = (MANIFESTS / f"{FILES.get(name, name)}.yaml").read_text()
        manifest = yaml.safe_load(text)
        self.system = str(manifest["metadata"]["name"])
        if ready_after:
            for clique in manifest["spec"]["template"]["cliques"]:
                clique["annotations"] = {"sim.espalier.dev/ready-after": ready_after}
            text = yaml.safe_dump(manifest)
        await self.kubectl("apply", "-n", self.namespace, "-f", "-", given=text)

    async def scale(self, **counts: int) -> None:
        """Set counts by path, each through the object that has it."""
        for path, count in counts.items():
            for resource, name in self._scaled(path, count):
                await self.kubectl("wait", "--for=create", f"{resource}/{name}", "-n", self.namespace, "--timeout=30s")
                await self.kubectl("scale", f"{resource}/{name}", f"--replicas={count}", "-n", self.namespace)

    def _scaled(self, path: str, count: int) -> list[tuple[str, str]]:
        if path == "copies":
            self.copies = count
            return [("podcliquesets", self.system)]
        copy, _, part = path.rpartition("/")
        copies = [copy] if copy else [str(index) for index in range(self.copies)]
        return [("podcliquescalinggroups", f"{self.system}-{each}-{part}") for each in copies]
