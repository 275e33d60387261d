"""What an answer means: an object, or one of the errors of the `Kube` port. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, cast

import orjson

from activities.cluster.calls import Call
from activities.cluster.kube import AlreadyThere, Busy, Event, Expired, Manifest, NotThere, Overtaken, Refused

LONGEST_MESSAGE = 500
LONGEST_DELAY = timedelta(minutes=5)
AT_ONCE = timedelta()
"""The server has no wish; whoever repeats backs off as it likes."""
UNKNOWN_API = b"404 page not found"
TOO_LARGE = ("request is too large", "message larger than max")
EVENT_TYPES = ("ADDED", "MODIFIED", "DELETED", "BOOKMARK")


class Unanswered(Busy):
    """Nobody knows whether the request was carried out: it was sent, and no answer of the API server's own came back."""


def object_in(call: Call, body: bytes) -> Manifest:
    """The object that a successful answer holds. Raises `Busy` for anything else."""
    try:
        found = orjson.loads(body)
    except ValueError:
        raise _stranger(call, "broken JSON" if body[:1] == b"{" else "something that is not JSON") from None
    if not isinstance(found, dict) or not isinstance(cast(Manifest, found).get("metadata"), dict):
        raise _stranger(call, "JSON that is not a Kubernetes object")
    return cast(Manifest, found)


def page_in(call: Call, body: bytes) -> tuple[list[Manifest], int, str]:
    """Items, resourceVersion and continue token of one page of a list."""
    found = object_in(call, body)
    items: Any = found.get("items") or []
    metadata: Manifest = found["metadata"]
    if not isinstance(items, list) or not all(map(is_object, cast(list[object], items))):
        raise _stranger(call, "a list of things without names")
    return cast(list[Manifest], items), _version(call, metadata), str(metadata.get("continue") or "")


def event_in(call: Call, line: bytes) -> Event:
    """The event on one line of a watch. Raises `Expired` or `Busy` for an ERROR event, `Busy` for garbage."""
    try:
        said = orjson.loads(line)
        kind, content = said["type"], said["object"]
    except (ValueError, KeyError, TypeError):
        raise _stranger(call, "a watch event that cannot be read") from None
    if kind in EVENT_TYPES and is_object(content, named=kind != "BOOKMARK"):
        return Event(kind, content)
    if kind == "ERROR" and isinstance(content, dict):
        status = cast(Manifest, content)
        raise failure(call, _number(status.get("code")) or 500, {}, orjson.dumps(status))
    raise _stranger(call, "a watch event that cannot be read")


def is_object(content: object, *, named: bool = True) -> bool:
    """Whether it has what every stored object has: a numeric resourceVersion and (unless it is a bookmark) a name."""
    try:
        metadata = cast(Any, content)["metadata"]
        return metadata["resourceVersion"].isdecimal() and (not named or isinstance(metadata["name"], str))
    except (KeyError, TypeError, AttributeError):
        return False


def failure(call: Call, status: int, headers: Mapping[str, str], body: bytes) -> Busy | Refused:
    """The port's name for an answer that is not a success."""
    said = _status_in(body)
    reason, text = str(said.get("reason") or ""), f"{call.title}: {_sentence(status, said)}"
    if status in (408, 429) or status >= 500:
        return _busy(status, text, delay(headers, said))
    if not said and not (status == 404 and body.strip() == UNKNOWN_API) and status in (404, 409, 410, 422):
        return _stranger(call, f"{status} in words that are not the API server's")
    if status == 409 and call.verb == "create" and reason != "AlreadyExists":
        return Busy(text, AT_ONCE)  # two requests met at a quota's counter
    if 300 <= status < 400:
        return Refused(f"{call.title}: the server sends us elsewhere; is its address that of an API server?", status=status)
    return _refusal(call, status, said)(text, status=status, reason=reason)


def delay(headers: Mapping[str, str], said: Mapping[str, Any], now: datetime | None = None) -> timedelta:
    """How long the server asks us to wait: seconds or a date in Retry-After, or the Status object's own hint."""
    asked = headers.get("Retry-After", "").strip()
    if asked.isdecimal():
        return min(timedelta(seconds=int(asked[:9])), LONGEST_DELAY)
    if asked:
        return _until(asked, now or datetime.now(UTC))
    seconds = _number(_details(said).get("retryAfterSeconds"))
    return min(timedelta(seconds=seconds), LONGEST_DELAY) if seconds else AT_ONCE


def _until(date: str, now: datetime) -> timedelta:
    try:
        asked = parsedate_to_datetime(date)
    except ValueError:
        return AT_ONCE
    aware = asked if asked.tzinfo else asked.replace(tzinfo=UTC)
    return min(max(aware - now, timedelta()), LONGEST_DELAY)


def _busy(status: int, text: str, wait: timedelta) -> Busy | Refused:
    if any(words in text for words in TOO_LARGE):
        return Refused(f"{text}; split it into smaller objects", status=413, reason="RequestEntityTooLarge")
    return Busy(text, wait) if status == 429 else Unanswered(text, wait)


def _refusal(call: Call, status: int, said: Mapping[str, Any]) -> type[Refused]:
    if status == 409:
        return AlreadyThere if call.verb == "create" else Overtaken
    if status == 422 and ((call.tested and not _details(said)) or _other_uid(said)):
        return Overtaken  # a failed `test` is the 422 without details (seen on 1.37); an invalid object comes with causes
    return {404: NotThere, 410: Expired}.get(status, Refused)


def _other_uid(said: Mapping[str, Any]) -> bool:
    """Whether a patch holds the uid of an object that had this name before."""
    causes: object = _details(said).get("causes")
    return isinstance(causes, list) and any(cause.get("field") == "metadata.uid" for cause in cast(list[Manifest], causes))


def _details(said: Mapping[str, Any]) -> Manifest:
    details: object = said.get("details")
    return cast(Manifest, details) if isinstance(details, dict) else {}


def _stranger(call: Call, what: str) -> Unanswered:
    return Unanswered(f"{call.title}: the server answered with {what}; is its address that of an API server?", AT_ONCE)


def _status_in(body: bytes) -> Manifest:
    try:
        said = orjson.loads(body)
    except ValueError:
        return {}
    return cast(Manifest, said) if isinstance(said, dict) and cast(Manifest, said).get("kind") == "Status" else {}


def _sentence(status: int, said: Mapping[str, Any]) -> str:
    text = " ".join(str(said.get("message") or f"the server answered {status}").split())
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"


def _number(value: object) -> int:
    return value if isinstance(value, int) and 0 < value < 1_000_000 else 0


def _version(call: Call, metadata: Mapping[str, Any]) -> int:
    text = metadata.get("resourceVersion")
    if not isinstance(text, str) or not text.isdecimal():
        raise _stranger(call, "a list without a resourceVersion")
    return int(text)
