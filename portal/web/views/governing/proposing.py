"""How every proposal of an administrator is made from a form."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from portal.web.forms.base import PageForm
from portal.web.views.acting import attempt

_PROPOSED = "Proposed, and approved for your organisation. The other organisation has to approve it, too."


def proposed(
    request: HttpRequest,
    form: PageForm,
    act: Callable[[dict[str, Any]], object],
    again: Callable[[HttpRequest, Any], HttpResponse],
) -> HttpResponse:
    """Propose what the form says, and show what waits; where something is wrong with it, show the form again."""
    if form.is_valid():
        attempt(request, _PROPOSED, lambda: act(form.cleaned_data), form=form)
    return again(request, form) if form.errors else redirect("web:requests")
