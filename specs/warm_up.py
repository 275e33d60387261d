"""Warm-up: what is fetched on a node before pods start there."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

from pydantic import model_validator

from specs import names
from specs.durations import Duration, seconds_of
from specs.owners import Manifest, Owner
from specs.sections import entries, section
from specs.strict import Spec
from specs.templates import Template, check_podspec

IMAGE = "espalier-image-"
"""What containers are called that are there for their image only."""


class WarmUp(Spec):
    """One pod on each node where pods are to start or to be replaced, before they do; it goes once they have started."""

    images: bool = True
    """Fetches the images of the pods that will run there."""
    template: Mapping[str, Any] | None = None
    """A pod template of one's own that runs to its end there, such as a download of a model to the node's disk."""
    within: Duration = "10m"
    """How long pods wait for it at most. Then, and when it fails, they start without, and the status says so."""

    @property
    def within_s(self) -> float:
        """Seconds."""
        return seconds_of(self.within)

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not self.images and self.template is None:
            raise ValueError("warmUp fetches nothing; set images, or give a template that runs to its end")
        if self.template is not None:
            check_podspec(section(self.template, "spec"))
        return self


def warm_pod(owner: Owner, wanted: WarmUp, revision: str, node: str, templates: Iterable[Template]) -> Manifest:
    """The pod that warms up a node for pods of these templates: on that node and no other, whoever else is there."""
    made = list(templates)
    own: Manifest = dict(wanted.template or {})
    spec, metadata = section(own, "spec"), owner.metadata(warm_name(owner, revision, node), {names.WARM_UP: revision})
    images = sorted({image for each in made for image in _images(each)}) if wanted.images else []
    fetching = [{"name": f"{IMAGE}{at}", "image": image, "command": ["true"]} for at, image in enumerate(images)]
    secrets = {each["name"]: each for template in made for each in entries(template, "spec", "imagePullSecrets")}
    said = section(own, "metadata")
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **metadata,
            "labels": {**section(said, "labels"), **metadata["labels"]},
            "annotations": section(said, "annotations"),
        },
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            **({"imagePullSecrets": list(secrets.values())} if secrets else {}),
            **spec,
            "containers": [*(spec.get("containers") or ()), *fetching],
            "restartPolicy": "Never",
            "tolerations": [{"operator": "Exists"}],
            "nodeName": node,
        },
    }


def warm_name(owner: Owner, revision: str, node: str) -> str:
    """Its name: the same for the same node and revision, so asking twice asks once."""
    return names.revision_name(owner.name, f"warm-{names.short_hash(owner.uid, revision, node, length=8)}")


def _images(template: Template) -> Iterable[str]:
    for field in ("initContainers", "containers"):
        yield from (str(each["image"]) for each in entries(template, "spec", field))
