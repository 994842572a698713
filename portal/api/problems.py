"""Turns every error of a view into one JSON form: `{request_id, component, reason, retryable, hint}`, with `fields`."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

from portal.errors import PortalError
from portal.keys import KeyUnusable
from portal.request_ids import request_id
from wire.problems import Reason, problem_body

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Told:
    """What the caller is told of an error."""

    reason: Reason
    hint: str = ""
    component: str = "portal"
    fields: Mapping[str, Any] = field(default_factory=dict)
    retry_after: int | None = None


NOTHING_HERE = "There is nothing here. Check the address and the page."
#: What Django and REST framework raise, most special first.
_REASONS: tuple[tuple[type[Exception], Reason, str], ...] = (
    (Http404, Reason.NOT_FOUND, ""),
    (RequestDataTooBig, Reason.INPUT_TOO_LARGE, "The body is larger than 1 MiB."),
    (exceptions.NotAuthenticated, Reason.UNAUTHENTICATED, ""),
    (exceptions.AuthenticationFailed, Reason.UNAUTHENTICATED, ""),
    (exceptions.NotFound, Reason.NOT_FOUND, NOTHING_HERE),
    (exceptions.MethodNotAllowed, Reason.METHOD_NOT_ALLOWED, "This address does not take this method."),
    (exceptions.UnsupportedMediaType, Reason.INVALID, "Send JSON with 'Content-Type: application/json'."),
    (exceptions.NotAcceptable, Reason.INVALID, "Answers are JSON; accept application/json."),
    (exceptions.ParseError, Reason.INVALID, "The body is not JSON."),
)


def handle(error: Exception, context: Mapping[str, Any]) -> Response:
    """Return the answer to an error (REST framework's EXCEPTION_HANDLER)."""
    told = _told(error)
    number = request_id(context["request"]._request)  # noqa: SLF001 - REST framework keeps Django's request there
    if told.reason == Reason.INTERNAL or isinstance(error, KeyUnusable):
        log.error("api.failed", extra={"request_id": number}, exc_info=error)
    body = problem_body(told.reason, request_id=number, detail=told.hint) | {"component": told.component}
    if told.fields:
        body["fields"] = told.fields
    return Response(body, status=_status(error, told.reason), headers=_headers(told))


def _told(error: Exception) -> _Told:
    if isinstance(error, PortalError):
        return _Told(
            reason=error.reason,
            hint=error.detail,
            component=error.component,
            fields=error.fields,
            retry_after=error.retry_after,
        )
    if isinstance(error, exceptions.ValidationError):
        fields = error.detail if isinstance(error.detail, dict) else {"__all__": error.detail}
        return _Told(reason=Reason.INVALID, fields=fields)
    for kind, reason, hint in _REASONS:
        if isinstance(error, kind):
            return _Told(reason=reason, hint=hint)
    if isinstance(error, exceptions.PermissionDenied):
        return _Told(reason=Reason.FORBIDDEN, hint=str(error.detail))
    if isinstance(error, PermissionDenied):
        return _Told(reason=Reason.FORBIDDEN)
    return _Told(reason=Reason.INTERNAL)


def _status(error: Exception, reason: Reason) -> int:
    exact = isinstance(error, exceptions.UnsupportedMediaType | exceptions.NotAcceptable)
    return int(getattr(error, "status_code", 0)) if exact else reason.http_status


def _headers(told: _Told) -> dict[str, str]:
    if told.reason == Reason.UNAUTHENTICATED:
        return {"WWW-Authenticate": "Bearer"}
    return {"Retry-After": str(told.retry_after)} if told.retry_after else {}


def plain(request: HttpRequest, reason: Reason, hint: str = "") -> JsonResponse:
    """Return the answer to what never reached a view of the API."""
    body = problem_body(reason, request_id=request_id(request), detail=hint) | {"component": "portal"}
    return JsonResponse(body, status=reason.http_status)
