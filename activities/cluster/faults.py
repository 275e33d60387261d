"""What the connection's own errors mean, in the words of the `Kube` port."""

from collections.abc import Generator
from contextlib import contextmanager

import aiohttp

from activities.cluster.answers import AT_ONCE, Unanswered
from activities.cluster.calls import Call
from activities.cluster.kube import Busy, Refused

NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ClientProxyConnectionError, aiohttp.ConnectionTimeoutError)
NOT_TRUSTED = (aiohttp.ClientConnectorCertificateError,)


@contextmanager
def translated(call: Call) -> Generator[None]:
    """Turn whatever the connection raises into `Busy` or `Refused`, without what the messages of libraries may hold."""
    try:
        yield
    except NOT_TRUSTED as error:
        cause = _cause(error)
        raise Refused(f"{call.title}: the server's certificate is not trusted ({cause}); check its authority") from None
    except NOT_SENT as error:
        raise Busy(f"{call.title}: the API server cannot be reached ({_cause(error)})", AT_ONCE) from None
    except TimeoutError:
        raise Unanswered(f"{call.title}: no answer in time", AT_ONCE) from None
    except aiohttp.InvalidURL:
        raise Refused(f"{call.title}: the server's address is not a URL; check the kubeconfig") from None
    except aiohttp.ClientResponseError:
        raise Unanswered(f"{call.title}: the server does not speak HTTP as it should", AT_ONCE) from None
    except (aiohttp.ClientError, OSError) as error:
        raise Unanswered(f"{call.title}: the connection was cut ({type(error).__name__})", AT_ONCE) from None


def scrubbed(response: aiohttp.ClientResponse, said: bytes) -> bytes:
    """What the server said, without the credentials that we sent it: a proxy's error page may quote them."""
    secret = response.request_info.headers.get("Authorization", "").rpartition(" ")[2].encode()
    return said.replace(secret, b"(credentials)") if secret else said


def _cause(error: BaseException) -> str:
    """The operating system's word where there is one; it names no secrets."""
    inner = getattr(error, "os_error", None) or getattr(error, "certificate_error", None)
    words = getattr(inner, "verify_message", None) or getattr(inner, "strerror", None)
    return str(words or type(error).__name__)
