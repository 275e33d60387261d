"""Search attributes are registered by whoever needs them; where that can't be, a sentence says what to do."""

import subprocess
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client

from tests.cluster.ports import free_ports
from workers.connection import Unreachable
from workers.failure import Failure
from workers.patience import patiently
from workers.searchable import WANTED, make_searchable, reached
from workers.settings import Settings
from workers.telemetry import Telemetry
from workers.temporal import program

MOST_KEYWORDS = 10
"""Of one namespace, where the database is the index."""


@contextmanager
def server(*attributes: str) -> Generator[Settings]:
    """One as it comes, with these search attributes and none of ours."""
    (port,) = free_ports(1)
    flags = [word for each in attributes for word in ("--search-attribute", each)]
    command = (str(program()), "server", "start-dev", "--ip", "127.0.0.1", "--port", str(port), "--headless", *flags)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield Settings(temporal_address=f"127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()


async def known(client: Client) -> dict[str, int]:
    found = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=client.namespace))
    return {name: int(kind) for name, kind in found.custom_attributes.items()}


async def test_they_are_registered_and_may_be_there_already() -> None:
    with server("SystemName=Keyword", "Mine=Text") as settings:
        client = await patiently(lambda: reached(settings, Telemetry()), Unreachable)
        there = await known(client)
        assert there.items() >= WANTED.items()
        await make_searchable(client)
        assert await known(client) == there


async def test_a_name_of_another_type_is_told() -> None:
    with server("SystemDomains=Text") as settings:
        with pytest.raises(Failure, match="has the search attribute SystemDomains as Text, not as KeywordList") as told:
            await patiently(lambda: reached(settings, Telemetry()), Unreachable)
        assert "Temporal namespace of its own" in told.value.remedy


async def test_a_server_that_will_not_have_them_is_told_of_with_the_command() -> None:
    taken = [f"Taken{index}=Keyword" for index in range(MOST_KEYWORDS)]
    with server(*taken) as settings:
        with pytest.raises(Failure, match="does not know the search attributes SystemName") as told:
            await patiently(lambda: reached(settings, Telemetry()), Unreachable)
        assert (
            "temporal operator search-attribute create --namespace default --name SystemName --type Keyword" in told.value.remedy
        )


def test_types_are_temporals() -> None:
    assert {IndexedValueType.Name(kind) for kind in map(IndexedValueType.ValueType, WANTED.values())} == {
        "INDEXED_VALUE_TYPE_KEYWORD",
        "INDEXED_VALUE_TYPE_KEYWORD_LIST",
    }
