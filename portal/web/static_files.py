"""Serves the pages' few small files."""

from contextlib import closing
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped] # it has no types


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc] # WhiteNoise says nothing of its types
    """WhiteNoise with whole answers: what it streams, Django under ASGI has to collect first, with a warning."""

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        """Return one file, or that the browser's copy is good."""
        found = static_file.get_response(request.method, request.META)
        body = b""
        if found.file is not None:
            with closing(found.file):
                body = found.file.read()
        response = HttpResponse(body, status=HTTPStatus(found.status))
        del response["Content-Type"]
        for name, value in found.headers:
            response[name] = value
        return response
