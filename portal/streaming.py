"""Long files as they are made, a part at a time, under ASGI and WSGI."""

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse


def streamed(request: HttpRequest, parts: Iterator[bytes], *, content_type: str, name: str) -> StreamingHttpResponse:
    """Return a download whose parts are made while it is read."""
    body = _one_by_one(parts) if isinstance(request, ASGIRequest) else parts
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return StreamingHttpResponse(body, content_type=content_type, headers=headers)


async def _one_by_one(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    following = sync_to_async(_following)
    while part := await following(parts):
        yield part


def _following(parts: Iterator[bytes]) -> bytes:
    return next(parts, b"")
