"""A developer's functions: register, publish, roll back, stop, start, delete."""

from collections.abc import Callable
from datetime import UTC

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from portal import composition
from portal.accounts.models import Role
from portal.accounts.operations import require_role
from portal.custody import publishing
from portal.functions import operations, queries
from portal.functions.models import Function
from portal.invocations import queries as invocations
from portal.providers.queries import asked_prices
from portal.web.costs import cost_example
from portal.web.forms.functions import DeleteForm, FunctionForm, NumberForm, VersionForm, first_prices, initial_of
from portal.web.pagination import page_of
from portal.web.views.acting import account_of, action, attempt, form_page, page

_LATEST = 10


@page
def functions(request: HttpRequest) -> HttpResponse:
    """Show the account's functions."""
    rows = page_of(queries.functions_of(account_of(request)), request)
    return render(request, "web/functions.html", {"page": rows})


@form_page
def new_function(request: HttpRequest) -> HttpResponse:
    """Register a function."""
    owner = account_of(request)
    require_role(owner, Role.DEVELOPER)
    form = FunctionForm(request.POST or None, initial=first_prices(asked_prices(timezone.now())))
    function = form.submit(
        lambda: operations.register_function(
            owner, draft=form.function_draft(), registry=composition.registry(), now=timezone.now()
        )
    )
    if function:
        messages.success(request, "The function is registered. Nobody can call it until you publish it.")
        return redirect("web:function", function.name)
    return _form_page(request, form, None)


@form_page
def new_version(request: HttpRequest, name: str) -> HttpResponse:
    """Add a version; it begins with what the newest one says."""
    function = queries.function_of(account_of(request), name)
    newest = queries.versions_of(function).first()
    form = VersionForm(request.POST or None, initial=initial_of(newest) if newest else {})
    version = form.submit(
        lambda: operations.add_version(
            function, draft=form.draft(), registry=composition.registry(), now=timezone.now()
        )
    )
    if version:
        messages.success(request, f"Version {version.number} is there. Callers get it once you publish it.")
        return redirect("web:function", name)
    return _form_page(request, form, function)


def _form_page(request: HttpRequest, form: VersionForm, function: Function | None) -> HttpResponse:
    shown = {
        "form": form,
        "function": function,
        "example": _example(form),
        "market": asked_prices(timezone.now()),
        "functions_url": settings.FUNCTIONS_URL,
    }
    return render(request, "web/function_form.html", shown, status=422 if form.errors else 200)


def _example(form: VersionForm) -> str:
    """Return the cost example of what the form shows, as far as that makes sense."""
    shown = {name: form[name].value() for name in ("price_ceiling_nano_per_ms", "timeout_seconds", "budget_per_day")}
    probe = VersionForm(shown)
    probe.is_valid()
    values = probe.cleaned_data
    if not values.keys() >= shown.keys():
        return "Give a price ceiling, a timeout and a daily budget to see what calls cost."
    return cost_example(
        price_nano_per_ms=values["price_ceiling_nano_per_ms"],
        timeout_ms=int(values["timeout_seconds"] * 1000),
        budget_micro=values["budget_per_day"],
    )


@require_safe
def live_example(request: HttpRequest) -> HttpResponse:
    """Say what calls would cost with the values in the query: for the form while it is filled in."""
    return HttpResponse(_example(VersionForm(request.GET)), content_type="text/plain; charset=utf-8")


@page
def function(request: HttpRequest, name: str) -> HttpResponse:
    """Show a function: its address, versions, calls and today's spending."""
    found = queries.function_of(account_of(request), name)
    live, versions = found.live_version, queries.versions_of(found)
    # A meter ends at 1 or more.
    most = max(1, live.budget_micro_per_day) if live else 1
    shown = {
        "function": found,
        "address": f"{settings.FUNCTIONS_URL}/f/{found.owner.username}/{found.name}",
        "live": live,
        "versions": page_of(versions, request, _LATEST),
        "newest": versions.first(),
        "invocations": invocations.invocations_of_function(found)[:_LATEST],
        "spent": invocations.spent_on(found, timezone.now().astimezone(UTC).date()),
        "most": most,
        "scarce": most * 4 // 5,
        "delete_form": DeleteForm(),
    }
    return render(request, "web/function.html", shown)


@page
def version(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Show a version."""
    found = queries.function_of(account_of(request), name)
    shown = {"function": found, "version": queries.version_of(found, number)}
    return render(request, "web/version.html", shown)


def _change(request: HttpRequest, name: str, change: Callable[..., object], done: str) -> HttpResponse:
    form = NumberForm(request.POST)
    if form.is_valid():
        found = queries.function_of(account_of(request), name)
        chosen = queries.version_of(found, form.cleaned_data["version"])
        attempt(request, done.format(chosen.number), lambda: change(found, version=chosen, now=timezone.now()))
    return redirect("web:function", name)


@action
def publish(request: HttpRequest, name: str) -> HttpResponse:
    """Let callers get a version."""
    return _change(request, name, publishing.publish, "Version {} is live: callers get it from now on.")


@action
def roll_back(request: HttpRequest, name: str) -> HttpResponse:
    """Let callers get an earlier version again."""
    return _change(request, name, publishing.roll_back, "Rolled back: callers get version {} again.")


@action
def stop(request: HttpRequest, name: str) -> HttpResponse:
    """Let nobody call the function."""
    found = queries.function_of(account_of(request), name)
    attempt(request, "Stopped. Calls are refused; what runs ends as usual.", lambda: operations.stop(found))
    return redirect("web:function", name)


@action
def start(request: HttpRequest, name: str) -> HttpResponse:
    """Let callers get the live version again."""
    found = queries.function_of(account_of(request), name)
    attempt(request, "Started. Calls are answered again.", lambda: operations.start(found))
    return redirect("web:function", name)


@action
def delete(request: HttpRequest, name: str) -> HttpResponse:
    """Delete a function whose name was typed again."""
    found = queries.function_of(account_of(request), name)
    form = DeleteForm(request.POST)
    if not form.is_valid() or form.cleaned_data["name"].strip() != name:
        messages.error(request, f"To delete it, type its name: {name}.")
        return redirect("web:function", name)
    now = timezone.now()
    attempt(request, f"{name} is deleted; its name is free again.", lambda: operations.delete(found, now=now))
    return redirect("web:functions")
