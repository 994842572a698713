"""Money: moving it to the deposit, and an administrator's top-up."""

from django import forms

from portal.web.forms.base import CreditsField, PageForm


class DepositForm(PageForm):
    """From available to deposit."""

    amount = CreditsField(label="Credits", help_text="Only your functions' jobs can spend a deposit.")
    #: Made with the page, so that sending the form twice moves the money once.
    deposit_id = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: object, available_micro: int, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._available_micro = available_micro

    def clean_amount(self) -> int:
        """Return the amount; the ledger would refuse what is not there."""
        amount = int(self.cleaned_data["amount"])
        if amount < 1:
            raise forms.ValidationError("Move more than nothing.")
        if amount > self._available_micro:
            raise forms.ValidationError("This is more than you have available.")
        return amount


class TopUpForm(PageForm):
    """Money that was paid outside."""

    username = forms.CharField(label="Account", max_length=39, help_text="The account's name.")
    amount = CreditsField(label="Credits")
    reference = forms.RegexField(
        r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\Z",
        help_text="Of the payment outside, such as invoice-2026-17. The same reference never pays twice.",
        error_messages={"invalid": "Use 1 to 64 letters, digits and . _ : -, such as invoice-2026-17."},
    )

    def clean_amount(self) -> int:
        """Return the amount."""
        amount = int(self.cleaned_data["amount"])
        if amount < 1:
            raise forms.ValidationError("Top up more than nothing.")
        return amount
