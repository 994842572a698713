"""Answers of the API are for who asked, once: no browser or proxy keeps them."""

from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

PREFIX = "/api/"


class NoCopies(MiddlewareMixin):
    """Forbids copies of answers, which may hold a token or a password."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Say so."""
        if request.path_info.startswith(PREFIX):
            response.headers["Cache-Control"] = "private, no-store"
        return response
