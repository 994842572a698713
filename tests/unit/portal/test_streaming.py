"""A long file is made while it is read, under ASGI and WSGI."""

import asyncio
import io
from collections.abc import Iterator

from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from django.test import RequestFactory

from portal.streaming import streamed


def parts(made: list[int]) -> Iterator[bytes]:
    for number in range(3):
        made.append(number)
        yield b"%d\n" % number


def test_under_wsgi_parts_are_made_one_by_one() -> None:
    made: list[int] = []
    response = streamed(RequestFactory().get("/"), parts(made), content_type="text/csv", name="x.csv")

    body = iter(response)
    assert (next(body), made) == (b"0\n", [0])
    assert b"".join(body) == b"1\n2\n"


def test_under_asgi_parts_are_made_one_by_one() -> None:
    made: list[int] = []
    request = ASGIRequest({"type": "http", "method": "GET", "path": "/", "headers": []}, io.BytesIO())
    response = streamed(request, parts(made), content_type="text/csv", name="x.csv")

    assert response.is_async
    assert asyncio.run(_first_and_rest(response, made)) == (b"0\n", [0], b"1\n2\n")


async def _first_and_rest(response: StreamingHttpResponse, made: list[int]) -> tuple[bytes, list[int], bytes]:
    body = response.__aiter__()
    first, so_far = await anext(body), list(made)
    return first, so_far, b"".join([part async for part in body])
