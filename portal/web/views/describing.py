"""The REST API as people read it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.web.description import description


@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    """Show every address of the API with its fields and an example; to everybody, for it holds no data."""
    shown = {"described": description(), "portal": f"https://{request.get_host()}"}
    return render(request, "web/api_docs.html", shown)
