"""Signing up, in and out; password, time zone, roles and tokens."""

from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.contrib.auth import login, logout, update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from portal.accounts import operations, passwords, queries
from portal.accounts.models import Account, Role, RoleState
from portal.web.forms.accounts import PasswordForm, RoleForm, SignInForm, SignUpForm, TimeZoneForm, TokenForm
from portal.web.views.acting import account_of, action, attempt, form_page, page

_BACKEND = "django.contrib.auth.backends.ModelBackend"


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    """Make an account and sign it in."""
    if request.user.is_authenticated:
        return redirect("web:start")
    form = SignUpForm(request.POST or None)
    if account := form.submit(lambda: _made(request, form)):
        login(request, account, backend=_BACKEND)
        messages.success(request, f"Welcome, {account.username}. Your account is ready.")
        return redirect("web:start")
    return render(request, "web/sign_up.html", {"form": form}, status=422 if form.errors else 200)


def _made(request: HttpRequest, form: SignUpForm) -> Account:
    now, values = timezone.now(), form.cleaned_data
    newcomer = operations.Newcomer(
        username=values["username"],
        email=values["email"],
        password=values["password"],
        roles=[Role(role) for role in values["roles"]],
        address=request.META.get("REMOTE_ADDR", ""),
    )
    return operations.sign_up(newcomer, now=now)


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Begin a session."""
    goal = _goal(request)
    if request.user.is_authenticated:
        return redirect(goal)
    form = SignInForm(request.POST or None)
    address, now = request.META.get("REMOTE_ADDR", ""), timezone.now()
    if account := form.submit(lambda: passwords.sign_in(**form.cleaned_data, address=address, now=now)):
        login(request, account, backend=_BACKEND)
        return redirect(goal)
    shown = {"form": form, "next": goal}
    return render(request, "web/sign_in.html", shown, status=422 if form.errors else 200)


def _goal(request: HttpRequest) -> str:
    """Return where a sign-in leads: a page of this host and nowhere else."""
    asked = request.POST.get("next") or request.GET.get("next") or "/"
    ours = url_has_allowed_host_and_scheme(asked, {request.get_host()}, require_https=True)
    return asked if ours else "/"


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    messages.success(request, "You are signed out.")
    return redirect("web:start")


@page
def account(request: HttpRequest) -> HttpResponse:
    """Show the account: roles, password, time zone."""
    return _account_page(request)


def _account_page(
    request: HttpRequest, *, password: PasswordForm | None = None, zone: TimeZoneForm | None = None
) -> HttpResponse:
    owner = account_of(request)
    grants = {grant.role: grant for grant in queries.roles_of(owner)}
    shown = {
        "roles": [(role, grants.get(role)) for role in Role],
        "refused": RoleState.REFUSED,
        "password_form": password or PasswordForm(),
        "zone_form": zone or TimeZoneForm(initial={"time_zone": owner.time_zone}),
    }
    wrong = bool((password and password.errors) or (zone and zone.errors))
    return render(request, "web/account.html", shown, status=422 if wrong else 200)


@sensitive_post_parameters("old_password", "new_password")
@action
def change_password(request: HttpRequest) -> HttpResponse:
    """Give the account another password; other sessions end."""
    form, owner = PasswordForm(request.POST), account_of(request)
    form.submit(lambda: operations.change_password(owner, **form.cleaned_data))
    if form.errors:
        return _account_page(request, password=form)
    update_session_auth_hash(request, owner)
    messages.success(request, "Your password is changed. Other browsers are signed out.")
    return redirect("web:account")


@action
def set_time_zone(request: HttpRequest) -> HttpResponse:
    """Show times in another zone."""
    form = TimeZoneForm(request.POST)
    if not form.is_valid():
        return _account_page(request, zone=form)
    zone = form.cleaned_data["time_zone"]
    attempt(
        request,
        f"Times are now shown in {zone.replace('_', ' ')}.",
        lambda: operations.set_time_zone(account_of(request), time_zone=zone),
    )
    return redirect("web:account")


@action
def ask_role(request: HttpRequest) -> HttpResponse:
    """Ask for one more role."""
    form = RoleForm(request.POST)
    if form.is_valid():
        role = Role(form.cleaned_data["role"])
        waits = role in operations.APPROVED_ROLES
        done = "An administrator will decide." if waits else f"You are a {role.label.lower()} now."
        attempt(request, done, lambda: operations.ask_role(account_of(request), role=role, now=timezone.now()))
    return redirect("web:account")


@form_page
def tokens(request: HttpRequest) -> HttpResponse:
    """Show the account's tokens; make one, whose text is shown this once."""
    form, owner = TokenForm(request.POST or None), account_of(request)
    made = form.submit(lambda: _new_token(owner, form))
    shown = {"form": TokenForm() if made else form, "tokens": queries.tokens_of(owner), "made": made}
    return render(request, "web/tokens.html", shown, status=422 if form.errors else 200)


def _new_token(owner: Account, form: TokenForm) -> operations.NewToken:
    now, days = timezone.now(), form.cleaned_data["days"]
    expires_at = now + timedelta(days=days) if days else None
    return operations.make_token(owner, name=form.cleaned_data["name"], now=now, expires_at=expires_at)


@action
def revoke_token(request: HttpRequest, token_id: UUID) -> HttpResponse:
    """Revoke a token."""
    owner, now = account_of(request), timezone.now()
    done = "The token is revoked. Within a few seconds it works nowhere."
    attempt(request, done, lambda: operations.revoke_token(owner, token_id=token_id, now=now))
    return redirect("web:tokens")
