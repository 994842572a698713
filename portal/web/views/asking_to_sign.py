"""The page that asks an owner to sign an operation with a key of its own."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.web.forms.owning import SignedForm
from wire.codec import parse_object
from wire.errors import Malformed


def signing_page(request: HttpRequest, text: str, failed: SignedForm | None = None) -> HttpResponse:
    """Ask for the signature of an operation, and say what the operation does."""
    form = failed or SignedForm(initial={"text": text})
    return render(request, "web/sign.html", {"text": text, "plain": _plain(text), "form": form}, status=422)


def _plain(text: str) -> dict[str, object]:
    """Return the operation; its text comes back from a form that the owner may have altered."""
    try:
        found = parse_object(text)
    except Malformed:
        return {}
    arguments = found.get("arguments")
    shown = {name.replace("_", " "): value for name, value in arguments.items()} if isinstance(arguments, dict) else {}
    amount = shown.pop("amount micro", None)
    return {"kind": found.get("kind"), "arguments": shown, "amount": amount if isinstance(amount, int) else None}
