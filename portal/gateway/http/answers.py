"""Replies and reasons to HTTP answers."""

import re
from uuid import UUID

from portal.gateway.errors import CallRefused
from portal.gateway.http.exchange import HttpAnswer
from portal.gateway.http.routing import status_path
from wire.codec import canonical_json
from wire.messages import InvocationReply
from wire.problems import Reason, problem_body

#: A version's content type was checked when it was made; it becomes a header here, so it is checked again.
_MEDIA_TYPE = re.compile(r"[\x21-\x7e]+/[\x20-\x7e]+")


def success(reply: InvocationReply, output_type: str) -> HttpAnswer:
    """Return what the function returned."""
    content_type = output_type if _MEDIA_TYPE.fullmatch(output_type) else "application/octet-stream"
    return HttpAnswer(status=200, body=reply.output, content_type=content_type, headers=_job_headers(reply))


def accepted(invocation_id: UUID) -> HttpAnswer:
    """Return that the invocation is committed, and where to ask for it."""
    where = status_path(invocation_id)
    body = {"invocation_id": str(invocation_id), "state": "pending", "status": where, "result": f"{where}/result"}
    headers = {"X-Invocation-Id": str(invocation_id), "Location": where, "Preference-Applied": "respond-async"}
    return _json(202, body, headers)


def refusal(refused: CallRefused, request_id: UUID) -> HttpAnswer:
    """Return a refusal as `{request_id, component, reason, retryable, hint}`."""
    body = problem_body(refused.reason, request_id=str(request_id), detail=refused.detail)
    return _json(refused.reason.http_status, body, refused.headers)


def failure(reply: InvocationReply, reason: Reason) -> HttpAnswer:
    """Return why an invocation that was taken on did not succeed, with its id and what it cost."""
    body = problem_body(reason, request_id=reply.invocation_id) | {"invocation_id": reply.invocation_id}
    return _json(reason.http_status, body, _job_headers(reply))


def no_answer(invocation_id: UUID) -> HttpAnswer:
    """Return that no reply came in time, and where to ask for it."""
    where = status_path(invocation_id)
    body = problem_body(Reason.NO_ANSWER, request_id=str(invocation_id))
    body |= {"invocation_id": str(invocation_id), "status": where}
    headers = {"X-Invocation-Id": str(invocation_id), "Location": where}
    return _json(Reason.NO_ANSWER.http_status, body, headers)


def ok(value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> HttpAnswer:
    """Return a value as JSON."""
    return _json(status, value, headers or {})


def _job_headers(reply: InvocationReply) -> dict[str, str]:
    headers = {"X-Invocation-Id": reply.invocation_id}
    if reply.job_id:
        headers |= {"X-Job-Id": reply.job_id, "X-Run-Ms": str(reply.run_ms), "X-Cost-Micro": str(reply.cost_micro)}
    return headers


def _json(status: int, value: object, headers: dict[str, str]) -> HttpAnswer:
    return HttpAnswer(status=status, body=canonical_json(value), content_type="application/json", headers=headers)
