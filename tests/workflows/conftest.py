"""Servers for the session, and a house for each test."""

from collections.abc import AsyncGenerator, Iterator

import pytest
import pytest_asyncio

from tests.workflows import house as houses
from workflows.state import Patience

IMPATIENT = Patience(check_s=1.0, undeclared_s=1.0)


@pytest.fixture(scope="session")
def temporal() -> Iterator[str]:
    with houses.dev_server() as address:
        yield address


@pytest.fixture(scope="session")
def eager_temporal() -> Iterator[str]:
    with houses.dev_server(*houses.EAGER) as address:
        yield address


@pytest_asyncio.fixture
async def house(temporal: str) -> AsyncGenerator[houses.House]:
    async with houses.house(temporal, IMPATIENT) as found:
        yield found


@pytest_asyncio.fixture
async def eager(eager_temporal: str) -> AsyncGenerator[houses.House]:
    """A house in which workflows continue as new all the time."""
    async with houses.house(eager_temporal, IMPATIENT) as found:
        yield found
