"""Pages of what went wrong, in the style of all others."""

import logging
import sys

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.custody.ownership import SignatureNeeded
from portal.errors import PortalError
from portal.request_ids import request_id
from portal.web.views.asking_to_sign import signing_page

log = logging.getLogger(__name__)

_TITLES = {
    400: "That cannot be read",
    401: "Sign in first",
    403: "Not allowed",
    404: "There is nothing here",
    409: "That does not fit any more",
    429: "Too many attempts",
    500: "Something unexpected failed",
    503: "Not available right now",
}


def page(request: HttpRequest, status: int, hint: str) -> HttpResponse:
    """Return the page of a status, with what to do."""
    title = _TITLES.get(status, "That did not work")
    shown = {"title": title, "hint": hint, "request_id": request_id(request)}
    return render(request, "web/problem.html", shown, status=status)


def refusal(request: HttpRequest, refused: PortalError) -> HttpResponse:
    """Return the page of what an operation refused; where the owner's signature is missing, the page to sign on."""
    if isinstance(refused, SignatureNeeded):
        return signing_page(request, refused.fields["operation"][0])
    response = page(request, refused.reason.http_status, refused.detail)
    if refused.retry_after:
        response.headers["Retry-After"] = str(refused.retry_after)
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django's CSRF_FAILURE_VIEW
    """Return the page of a form that was not sent from one of our pages, or too old."""
    hint = "The form was too old or did not come from this page. Go back, reload the page and send it again."
    return page(request, 403, hint)


def failed(request: HttpRequest) -> HttpResponse:
    """Return the page of an unexpected failure; it needs neither database nor session."""
    shown = {"title": _TITLES[500], "request_id": request_id(request)}
    log.error("web.failed", extra={"request_id": shown["request_id"]}, exc_info=sys.exc_info())
    return HttpResponse(_FAILED.format(**shown), status=500)


#: Templates and the database may be what failed.
_FAILED = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} · ChainFaaS</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/static/web/site.css"></head>
<body><main class="wide stack" id="main"><h1>{title}</h1>
<p class="sub">It was logged as {request_id}. Try again; if it stays, tell the administrator that number.</p>
<p><a href="/">To the start page</a></p></main></body></html>"""
