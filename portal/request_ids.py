"""Gives each request an id, for its errors, its logs and the one who asks about them."""

from uuid import uuid4

from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

HEADER = "X-Request-Id"


def request_id(request: object) -> str:
    """Return the id of a request."""
    return str(getattr(request, "request_id", "") or uuid4())


class RequestIds(MiddlewareMixin):
    """Sets `request.request_id` and the answer's header; an id from outside is not believed."""

    def process_request(self, request: HttpRequest) -> None:
        """Give the request its id."""
        request.request_id = str(uuid4())  # type: ignore[attr-defined] # Django's requests have no place for it

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Tell the id."""
        response[HEADER] = request_id(request)
        return response
