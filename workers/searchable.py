"""Search attributes: Temporal must know those of Espalier before a workflow says one."""

from collections.abc import Mapping

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from workers.connection import Unreachable, connect
from workers.failure import Failure
from workers.settings import Settings
from workers.telemetry import Telemetry
from workers.temporal import TYPES
from workflows.visibility import SEARCH_ATTRIBUTES

WANTED = {key.name: int(key.indexed_value_type) for key in SEARCH_ATTRIBUTES}
HIDDEN = (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED)
"""What servers say that let nobody look, Temporal Cloud among them: there it has to be seen to by hand."""


async def reached(settings: Settings, telemetry: Telemetry) -> Client:
    """A client of a Temporal that knows them. Raises `Unreachable` while it does not answer, `Failure` where it can't be used."""
    client = await connect(settings, telemetry)
    try:
        await make_searchable(client)
    except RPCError as error:
        raise Unreachable(f"Temporal does not say which search attributes it has: {error.message}", "It is asked again") from None
    return client


async def make_searchable(client: Client) -> None:
    """Register what is missing with the namespace. Raises `Failure` where that can't be done, or a name has another type."""
    there = await _known(client)
    if there is None:
        return
    wrong = [name for name, kind in WANTED.items() if there.get(name, kind) != kind]
    if wrong:
        sentence = f"Temporal has the search attribute {wrong[0]} as {_word(there[wrong[0]])}, not as {_word(WANTED[wrong[0]])}"
        raise Failure(sentence, "Remove it there, or give Espalier a Temporal namespace of its own")
    missing = {name: kind for name, kind in WANTED.items() if name not in there}
    if missing:
        await _register(client, missing)


async def _known(client: Client) -> Mapping[str, int] | None:
    try:
        found = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=client.namespace))
    except RPCError as error:
        if error.status in HIDDEN:
            return None
        raise
    return {name: int(kind) for name, kind in found.custom_attributes.items()}


async def _register(client: Client, missing: Mapping[str, int]) -> None:
    wanted = {name: IndexedValueType.ValueType(kind) for name, kind in missing.items()}
    try:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=client.namespace, search_attributes=wanted)
        )
    except RPCError as error:
        if error.status is RPCStatusCode.ALREADY_EXISTS:
            return  # another worker was first
        command = f"temporal operator search-attribute create --namespace {client.namespace}"
        flags = " ".join(f"--name {name} --type {_word(kind)}" for name, kind in missing.items())
        sentence = f"Temporal does not know the search attributes {', '.join(missing)}, and would not have them: {error.message}"
        raise Failure(sentence, f"Register them: {command} {flags}") from None


def _word(kind: int) -> str:
    return TYPES.get(kind, str(kind))
