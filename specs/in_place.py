"""What of a pod can be changed while it runs: images of its containers, labels and annotations. Nothing else. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from specs import names
from specs.owners import Manifest
from specs.sections import entries, section
from specs.templates import Template

Patch = list[Manifest]


def changes_in_place(old: Template, new: Template) -> bool:
    """Whether a pod of one template can become one of the other without being made anew."""
    return _rest(old) == _rest(new)


def images_to_change(pod: Manifest, new: Manifest) -> Sequence[tuple[int, str, str]]:
    """Index, name and new image of the containers of a pod that are to restart; containers that somebody added are left alone."""
    wanted = {each["name"]: each["image"] for each in new["spec"]["containers"]}
    found = enumerate(pod["spec"]["containers"])
    return [(at, each["name"], image) for at, each in found if (image := wanted.get(each["name"])) and image != each["image"]]


def in_place_patch(pod: Manifest, old: Manifest, new: Manifest, also: Mapping[str, str]) -> Patch:
    """The JSON patch that makes a pod that was made as `old` one that is made as `new`, if nobody has written it meanwhile.

    `also`: annotations. What others have added to the pod stays.
    """
    version = {"op": "test", "path": "/metadata/resourceVersion", "value": pod["metadata"]["resourceVersion"]}
    images = [
        {"op": "replace", "path": f"/spec/containers/{at}/image", "value": image} for at, _, image in images_to_change(pod, new)
    ]
    said = [change for part in ("labels", "annotations") for change in _said(part, pod, old, new)]
    noted = [_add("annotations", key, value) for key, value in also.items()]
    return [version, *images, *said, *noted]


def _said(part: str, pod: Manifest, old: Manifest, new: Manifest) -> Iterator[Manifest]:
    before, after, there = (section(each, "metadata", part) for each in (old, new, pod))
    yield from (_add(part, key, value) for key, value in after.items() if there.get(key) != value)
    yield from ({"op": "remove", "path": _path(part, key)} for key in before if key in there and key not in after)


def _add(part: str, key: str, value: str) -> Manifest:
    return {"op": "add", "path": _path(part, key), "value": value}


def _path(part: str, key: str) -> str:
    return f"/metadata/{part}/{key.replace('~', '~0').replace('/', '~1')}"


def _rest(template: Template) -> Mapping[str, Any]:
    """All that can't be changed while a pod runs."""
    metadata = {key: value for key, value in section(template, "metadata").items() if key not in ("labels", "annotations")}
    annotations = section(template, "metadata", "annotations")
    gpus = [annotations.get(name) for name in (names.GPU_MILLI, names.GPU_MODEL)]
    containers = [
        {key: value for key, value in each.items() if key != "image"} for each in entries(template, "spec", "containers")
    ]
    return {"metadata": metadata, "gpus": gpus, "spec": {**section(template, "spec"), "containers": containers}}
