"""What a pod can become without being made anew, as a table; and the patch that makes it so."""

from typing import Any

import pytest

from specs.in_place import changes_in_place, images_to_change, in_place_patch

Template = dict[str, Any]


def template(image: str = "server:1", labels: dict[str, str] | None = None, init: str = "", **more: Any) -> Template:
    before = {"initContainers": [{"name": "before", "image": init}]} if init else {}
    return {"metadata": {"labels": labels or {}}, "spec": {"containers": [{"name": "main", "image": image, **more}], **before}}


#                                   becomes                                       in place
CHANGES: dict[str, tuple[Template, bool]] = {
    "another image":               (template("server:2"),                         True),
    "a label":                     (template(labels={"tier": "b"}),               True),
    "an annotation":               ({**template(), "metadata": {"annotations": {"note": "1"}}}, True),
    "no metadata":                 ({"spec": template()["spec"]},                 True),
    "another command":             (template(command=["serve"]),                  False),
    "an image and a command":      (template("server:2", command=["serve"]),      False),
    "resources":                   (template(resources={"requests": {"cpu": "2"}}), False),
    "a container that prepares":   (template(init="fetch:1"),                     False),
    "another node":                ({"spec": {**template()["spec"], "nodeSelector": {"pool": "b"}}}, False),
    "one container more":          ({"spec": {"containers": [*template()["spec"]["containers"], {"name": "b"}]}}, False),
}  # fmt: skip


@pytest.mark.parametrize(("other", "so"), CHANGES.values(), ids=CHANGES)
def test_changes(other: Template, so: bool) -> None:
    assert changes_in_place(template(), other) is so
    assert changes_in_place(other, template()) is so


def test_an_image_of_what_prepares_a_pod_is_not_changed_in_place() -> None:
    assert not changes_in_place(template(init="fetch:1"), template(init="fetch:2"))


def test_the_patch_touches_only_what_is_ours_and_fails_where_somebody_was_first() -> None:
    old, new = template("server:1", {"tier": "a", "old": "x"}), template("server:2", {"tier": "b", "a/b~c": "d"})
    sidecar = {"name": "proxy", "image": "injected:7"}
    pod = {
        "metadata": {"resourceVersion": "7", "labels": {"tier": "a", "old": "x", "theirs": "y"}, "annotations": {}},
        "spec": {"containers": [sidecar, *old["spec"]["containers"]]},
    }
    assert list(images_to_change(pod, new)) == [(1, "main", "server:2")]
    assert in_place_patch(pod, old, new, {"note": "1"}) == [
        {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "replace", "path": "/spec/containers/1/image", "value": "server:2"},
        {"op": "add", "path": "/metadata/labels/tier", "value": "b"},
        {"op": "add", "path": "/metadata/labels/a~1b~0c", "value": "d"},
        {"op": "remove", "path": "/metadata/labels/old"},
        {"op": "add", "path": "/metadata/annotations/note", "value": "1"},
    ]
