"""What every page of the portal says in its headers, in whose time zone it speaks, and how a refusal looks."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from portal.accounts.zones import zone_of
from portal.errors import PortalError
from portal.web.views.errors import refusal

GetResponse = Callable[[HttpRequest], HttpResponse]

#: Everything comes from this host, nothing runs that is not a file of ours, nobody frames us.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class PageTimes:
    """Tells browsers what a page may do, shows times in the account's zone, and what was refused as a page."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the page, its times in the zone of the account that asks; who is signed in keeps no copy."""
        with timezone.override(zone_of(request.user)):
            response = self._get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        if request.user.is_authenticated:
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Return the page of a refusal; anything else is Django's to handle."""
        return refusal(request, exception) if isinstance(exception, PortalError) else None
