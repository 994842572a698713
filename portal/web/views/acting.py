"""Who acts, and what becomes of it: signed-in views, roles, and the message after an action."""

import logging
from collections.abc import Callable
from typing import Concatenate, ParamSpec

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.errors import AdministratorsOnly
from portal.accounts.models import Account
from portal.accounts.operations import require_administrator
from portal.custody.ownership import SignatureNeeded
from portal.errors import NotAllowed, NotThere, PortalError
from portal.keys import KeyUnusable
from portal.request_ids import request_id
from portal.web.forms.base import PageForm

log = logging.getLogger(__name__)

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def account_of(request: HttpRequest) -> Account:
    """Return the account that is signed in; for views behind `page`, `form_page` and `action`."""
    if not isinstance(request.user, Account):
        raise AdministratorsOnly
    return request.user


def page(view: View[P]) -> View[P]:
    """Show a page to who is signed in; everybody else signs in first."""
    return require_safe(login_required(view))


def form_page(view: View[P]) -> View[P]:
    """Show a page whose form is sent to the page itself."""
    return require_http_methods(["GET", "HEAD", "POST"])(login_required(view))


def action(view: View[P]) -> View[P]:
    """Let who is signed in change something: only by POST."""
    return require_POST(login_required(view))


def for_administrators(view: View[P]) -> View[P]:
    """Let administrators in, and nobody else."""

    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        require_administrator(account_of(request))
        return view(request, *args, **kwargs)

    return guarded


def attempt(request: HttpRequest, done: str, act: Callable[[], object], *, form: PageForm | None = None) -> bool:
    """Act, and leave a message for the next page: `done`, or why not; what is wrong with fields, a form says itself.

    :raises NotThere: when it is about something that is not there, or not theirs.
    :raises NotAllowed: when the account may not do that.
    :raises SignatureNeeded: when the account is its owner's own.
    """
    try:
        act()
    except (NotThere, NotAllowed, SignatureNeeded):
        raise
    except KeyUnusable as failure:
        _note(request, failure)
        messages.error(request, "The keys that have to sign this are not on this machine.")
        return False
    except PortalError as refused:
        if form is not None and refused.fields:
            form.show(refused)
            return False
        problems = [problem for field in refused.fields.values() for problem in field]
        messages.error(request, " ".join(problems) or refused.detail)
        return False
    messages.success(request, done)
    return True


def _note(request: HttpRequest, failure: Exception) -> None:
    log.error("web.action_failed", extra={"request_id": request_id(request), "cause": repr(failure)})
