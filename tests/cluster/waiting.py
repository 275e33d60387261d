"""Wait for a server with a deadline, and say what its logs say when it does not come."""

import http.client
import ssl
import time
from collections.abc import Callable
from contextlib import closing, suppress
from http import HTTPStatus
from urllib.parse import urlsplit

from tests.cluster.api import Access

READY_TIMEOUT_S = 60.0
POLL_S = 0.05


class NotReady(Exception):
    """The cluster did not start or come back; the message holds the ends of its logs."""


def wait_for(what: str, there: Callable[[], bool], logs: Callable[[], str], timeout_s: float) -> None:
    """Return once it is there. Raises `NotReady`."""
    deadline = time.monotonic() + timeout_s
    while not there():
        if time.monotonic() > deadline:
            raise NotReady(f"waited {timeout_s:.0f} s for {what}\n{logs()}")
        time.sleep(POLL_S)


def answers(access: Access, path: str) -> bool:
    """Whether the API server answers this path with 200."""
    if not access.ca_file.exists():
        return False
    context = ssl.create_default_context(cafile=access.ca_file)
    connection = http.client.HTTPSConnection(urlsplit(access.server).netloc, timeout=5, context=context)
    with closing(connection), suppress(OSError, http.client.HTTPException):
        connection.request("GET", path, headers={"Authorization": f"Bearer {access.token}"})
        return connection.getresponse().status == HTTPStatus.OK
    return False
