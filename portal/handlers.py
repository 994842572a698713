"""What Django itself refuses: JSON to programs under /api/, a page to people."""

from django.http import HttpRequest, HttpResponse

from portal.api import problems
from portal.web.views import errors
from wire.problems import Reason


def _is_program(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's name
    """Answer what makes no sense: a foreign host name, a header or path that cannot be read."""
    if _is_program(request):
        return problems.plain(request, Reason.INVALID, "The request cannot be read: check its address and host name.")
    return errors.page(request, 400, "Go back, reload the page and try again.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's name
    """Answer what nobody may do so."""
    if _is_program(request):
        return problems.plain(request, Reason.FORBIDDEN)
    return errors.page(request, 403, "This account may not do that.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's name
    """Answer what is not there."""
    if _is_program(request):
        return problems.plain(request, Reason.NOT_FOUND, problems.NOTHING_HERE)
    return errors.page(request, 404, "Check the address. It may also be another account's.")


def failed(request: HttpRequest) -> HttpResponse:
    """Answer what failed unexpectedly; the log has it under the request's id."""
    page = errors.failed(request)
    return problems.plain(request, Reason.INTERNAL) if _is_program(request) else page
