"""What the simulated API server says no with."""

from collections.abc import Mapping
from typing import Any

REASONS = {
    400: "BadRequest", 401: "Unauthorized", 404: "NotFound", 405: "MethodNotAllowed", 409: "Conflict", 410: "Expired",
    415: "UnsupportedMediaType", 422: "Invalid", 429: "TooManyRequests", 500: "InternalError",
}  # fmt: skip


class Denied(Exception):
    """An answer other than success."""

    def __init__(self, code: int, message: str, reason: str = "", causes: tuple[Mapping[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.code, self.message = code, message
        self.reason = reason or REASONS.get(code, "Unknown")
        self.causes = causes

    def status(self) -> dict[str, Any]:
        """As the API server writes it: a Status object."""
        details = {"details": {"causes": list(self.causes)}} if self.causes else {}
        body: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        return {**body, "message": self.message, "reason": self.reason, "code": self.code, **details}


def not_found(plural: str, name: str) -> Denied:
    """404."""
    return Denied(404, f'{plural} "{name}" not found')


def conflict(plural: str, name: str, why: str) -> Denied:
    """409: somebody wrote first."""
    return Denied(409, f'Operation cannot be fulfilled on {plural} "{name}": {why}')


def invalid(kind: str, name: str, field: str, why: str) -> Denied:
    """422, with the field."""
    cause = {"reason": "FieldValueInvalid", "message": why, "field": field}
    return Denied(422, f'{kind} "{name}" is invalid: {field}: {why}', causes=(cause,))
