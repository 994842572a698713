"""The keys that the ledger knows, and proposals to pin one or to end one."""

from typing import Any
from uuid import UUID, uuid4

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from portal.accounts import queries as accounts
from portal.accounts.models import Account
from portal.errors import NotThere
from portal.governance import pinned_keys
from portal.web.forms.base import PageForm
from portal.web.forms.governing import FindKeysForm, PinKeyForm, RevokeKeyForm
from portal.web.views.acting import account_of, action, for_administrators, page
from portal.web.views.governing.proposing import proposed
from wire.ledger.operations import PinKey
from wire.ledger.states import KeyRole


@page
@for_administrators
def all_keys(request: HttpRequest) -> HttpResponse:
    """Show the keys of all roles, and those of one account and its machines."""
    return _keys_page(request)


def _keys_page(request: HttpRequest, failed: PageForm | None = None) -> HttpResponse:
    name = request.GET.get("account", "").strip()
    found = _account(name)
    shown = {
        "keys": pinned_keys.keys_of_roles(),
        "account": found,
        "keys_of_account": pinned_keys.keys_of(found) if found else [],
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

    def act(values: dict[str, Any]) -> object:
        holder = _holder(values["role"], values["holder"].strip())
        return pinned_keys.propose_pin(
            account_of(request),
            pin=PinKey(role=values["role"], holder=holder, public_key_pem=values["public_key_pem"]),
            note=values["note"],
            request_id=values["move_id"],
            now=timezone.now(),
        )

    return proposed(request, PinKeyForm(request.POST), act, _keys_page)


def _holder(role: str, text: str) -> str:
    """Return an account's id for its name; other holders are named as the ledger does."""
    if role not in {KeyRole.OWNER, KeyRole.OPERATOR} or _is_id(text):
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

    def act(values: dict[str, Any]) -> object:
        key_id, request_id = values["key_id"], values["move_id"]
        by, now = account_of(request), timezone.now()
        return pinned_keys.propose_revocation(by, key_id=key_id, note=values["note"], request_id=request_id, now=now)

    return proposed(request, RevokeKeyForm(request.POST), act, _keys_page)
