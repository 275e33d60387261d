"""Every object there is in a namespace, of whatever kind the server knows: none is nobody's, and at the end none is left."""

import asyncio
from collections.abc import Collection, Mapping

from specs.sections import label
from tests.cluster.api import Api, ApiError, Json

SYSTEM, SYSTEM_UID = "espalier.dev/system", "espalier.dev/system-uid"
ALWAYS = {("serviceaccounts", "default"), ("configmaps", "kube-root-ca.crt"), ("services", "kubernetes")}
"""What the cluster itself makes."""
TRACES = ("events", "endpoints", "endpointslices", "leases")
"""What others write about objects, and take away after them."""


async def kinds(api: Api) -> list[str]:
    """Path of every namespaced kind that can be listed, with `%s` for the namespace; once each."""
    groups = (await api.get("/apis"))["groups"]
    versions = ["/api/v1", *(f"/apis/{each['preferredVersion']['groupVersion']}" for each in groups)]
    found: dict[str, str] = {}
    for version in versions:
        for each in (await api.get(version))["resources"]:
            listed = each["namespaced"] and "list" in each["verbs"] and "/" not in each["name"]
            if listed and each["name"] not in TRACES:
                found.setdefault(each["name"], f"{version}/namespaces/%s/{each['name']}")
    return list(found.values())


async def there(api: Api, namespace: str, **params: str) -> dict[str, list[Json]]:
    """Kind -> what there is of it, but for what every namespace has."""
    paths = await kinds(api)
    found = await asyncio.gather(*(listed(api, path % namespace, **params) for path in paths))
    plurals = [path.rpartition("/")[2] for path in paths]
    kept = {
        plural: [each for each in items if (plural, each["metadata"]["name"]) not in ALWAYS]
        for plural, items in zip(plurals, found, strict=True)
    }
    return {plural: items for plural, items in kept.items() if items}


async def listed(api: Api, path: str, **params: str) -> list[Json]:
    """Nothing where the kind has just gone, or can't be listed so."""
    try:
        return await api.items(path, **params)
    except ApiError as error:
        if error.code in (404, 405):
            return []
        raise


def nobodys(found: Mapping[str, Collection[Json]]) -> list[str]:
    """Objects that say they are of a system which is not there."""
    systems = {each["metadata"]["name"]: each["metadata"]["uid"] for each in found.get("inferencesystems", ())}
    return [
        f"{plural}/{each['metadata']['name']} of {label(each, SYSTEM)}"
        for plural, items in found.items()
        for each in items
        if label(each, SYSTEM) and systems.get(label(each, SYSTEM)) != label(each, SYSTEM_UID)
    ]
