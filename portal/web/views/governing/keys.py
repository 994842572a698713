"""The keys that the ledger knows, and proposals to pin one or to end one."""

from uuid import UUID, uuid4

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from portal.accounts import queries as accounts
from portal.accounts.models import Account
from portal.errors import NotThere
from portal.governance import keys
from portal.governance.keys import KeyWish
from portal.web.forms.base import PageForm
from portal.web.forms.governing import FindKeysForm, PinKeyForm, RevokeKeyForm
from portal.web.views.acting import account_of, action, attempt, for_administrators, page
from wire.ledger.states import Role

_PROPOSED = "Proposed, and approved for your organisation. The other organisation has to approve it, too."


@page
@for_administrators
def all_keys(request: HttpRequest) -> HttpResponse:
    """Show the keys of all roles, and those of one account and its machines."""
    return _keys_page(request)


def _keys_page(request: HttpRequest, failed: PageForm | None = None) -> HttpResponse:
    name = request.GET.get("account", "").strip()
    found = _account(name)
    shown = {
        "keys": keys.keys_of_roles(),
        "account": found,
        "keys_of_account": keys.keys_of(found) if found else [],
        "find": FindKeysForm(initial={"account": name}),
        "is_unknown": bool(name) and found is None,
        "pin": failed if isinstance(failed, PinKeyForm) else PinKeyForm(initial={"move_id": uuid4()}),
        "revoke": failed if isinstance(failed, RevokeKeyForm) else RevokeKeyForm(initial=_to_end(request)),
    }
    return render(request, "web/governing/keys.html", shown, status=422 if failed else 200)


def _to_end(request: HttpRequest) -> dict[str, object]:
    return {"move_id": uuid4(), "key_id": request.GET.get("end", "")[:64]}


def _account(name: str) -> Account | None:
    try:
        return accounts.account_named(name) if name.isprintable() else None
    except NotThere:
        return None


@action
@for_administrators
def pin(request: HttpRequest) -> HttpResponse:
    """Propose to pin a key."""
    form = PinKeyForm(request.POST)
    if not form.is_valid():
        return _keys_page(request, form)
    values = form.cleaned_data
    wish = KeyWish(
        request_id=values["move_id"],
        role=values["role"],
        holder=_holder(values["role"], values["holder"].strip()),
        public_key_pem=values["public_key_pem"],
        note=values["note"],
    )
    by = account_of(request)
    attempt(request, _PROPOSED, lambda: keys.propose_pin(by, wish=wish, now=timezone.now()), form=form)
    return _keys_page(request, form) if form.errors else redirect("web:requests")


def _holder(role: str, text: str) -> str:
    """Return an account's id for its name; other holders are named as the ledger does."""
    if role not in {Role.OWNER, Role.OPERATOR} or _is_id(text):
        return text
    owner = _account(text)
    return str(owner.id) if owner else text


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


@action
@for_administrators
def revoke(request: HttpRequest) -> HttpResponse:
    """Propose to end a key."""
    form = RevokeKeyForm(request.POST)
    if not form.is_valid():
        return _keys_page(request, form)
    by, values = account_of(request), form.cleaned_data
    attempt(
        request,
        _PROPOSED,
        lambda: keys.propose_revocation(
            by, key_id=values["key_id"], note=values["note"], request_id=values["move_id"], now=timezone.now()
        ),
        form=form,
    )
    return _keys_page(request, form) if form.errors else redirect("web:requests")
