"""Money: moving it, asking for it, and what administrators propose and decide."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar
from uuid import uuid4

from django import forms

from portal.web.forms.base import CreditsField, PageForm

_PPM_OF_PERCENT = 10_000
_REFERENCE = {
    "regex": r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\Z",
    "help_text": "Of the payment outside, such as invoice-2026-17. The same payment is never credited twice.",
    "error_messages": {"invalid": "Use 1 to 64 letters, digits and . _ : -, such as invoice-2026-17."},
}


class MoneyForm(PageForm):
    """An amount that moves, once however often the form is sent."""

    renamed: ClassVar[Mapping[str, str]] = {"amount_micro": "amount"}
    #: Names the form on its page.
    name: ClassVar[str]

    amount = CreditsField(label="Credits")
    #: Made with the page: the same twice is one movement.
    move_id = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", f"{self.name}_%s")
        kwargs.setdefault("initial", {"move_id": uuid4()})
        super().__init__(*args, **kwargs)

    def clean_amount(self) -> int:
        """Return the amount."""
        amount = int(self.cleaned_data["amount"])
        if amount < 1:
            raise forms.ValidationError("Give more than nothing.")
        return amount


class DepositForm(MoneyForm):
    """From available to deposit."""

    name = "deposit"
    amount = CreditsField(label="Credits", help_text="Only your functions' jobs can spend a deposit.")


class NoticeForm(MoneyForm):
    """Part of the deposit is wanted back."""

    name = "notice"
    amount = CreditsField(label="Credits", help_text="After nine days you can withdraw what is left of it.")


class TransferForm(MoneyForm):
    """To another account."""

    name = "transfer"
    to = forms.CharField(
        max_length=39,
        help_text="The account's name.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"}),
    )
    field_order = ("to", "amount")


class AskTopUpForm(MoneyForm):
    """What was paid outside is to be credited."""

    name = "top_up"
    note = forms.CharField(
        label="How was it paid?",
        max_length=200,
        help_text="So that it can be found, such as: bank transfer, 20 November.",
    )


class AskPayoutForm(MoneyForm):
    """Credits are to be paid outside."""

    name = "payout"
    note = forms.CharField(
        label="Where to?", max_length=200, help_text="Such as an IBAN. Only administrators see it, not the ledger."
    )


class TopUpForm(MoneyForm):
    """An administrator proposes to credit what was paid outside."""

    name = "propose"
    username = forms.CharField(label="Account", max_length=39, help_text="The account's name.")
    reference = forms.RegexField(**_REFERENCE)  # type: ignore[arg-type] # by name
    note = forms.CharField(max_length=200, help_text="How it was paid.", initial="paid outside")
    field_order = ("username", "amount", "reference", "note")


class FeesForm(PageForm):
    """Another fee policy, in percent."""

    renamed: ClassVar[Mapping[str, str]] = {"platform_ppm": "platform", "peers_ppm": "peers"}

    platform = forms.DecimalField(
        label="Platform, percent", min_value=0, max_value=100, decimal_places=4, help_text="Of each job's cost."
    )
    peers = forms.DecimalField(
        label="Peers, percent", min_value=0, max_value=100, decimal_places=4, help_text="The rest is the provider's."
    )
    move_id = forms.UUIDField(widget=forms.HiddenInput)

    def ppm(self, name: str) -> int:
        """Return a share in millionths."""
        return int(Decimal(self.cleaned_data[name]) * _PPM_OF_PERCENT)
