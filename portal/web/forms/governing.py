"""What administrators propose besides money: keys, and how jobs end whose digests differ."""

from django import forms

from portal.web.forms.base import PageForm
from portal.web.templatetags.wording import KEY_ROLES
from wire.ledger.states import KeyRole

_NOTE = {"max_length": 200, "help_text": "In one line. The other organisation reads it before it approves."}
_PAY, _RELEASE = "pay", "release"


class FindKeysForm(PageForm):
    """Whose keys to show."""

    account = forms.CharField(
        label="Account",
        max_length=39,
        help_text="Its own key and those of its machines.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"}),
    )


class PinKeyForm(PageForm):
    """A new key of a role, or of somebody who lost the old one."""

    role = forms.ChoiceField(label="What may it do?", choices=[(role.value, KEY_ROLES[role]) for role in KeyRole])
    holder = forms.CharField(
        label="Whose is it?",
        max_length=80,
        required=False,
        help_text="Authority: controller or peers. Account or peer: its name. Machine: its id. Others: leave it empty.",
    )
    public_key_pem = forms.CharField(
        label="Public key",
        max_length=400,
        strip=False,
        help_text="In PEM, P-256; it begins with -----BEGIN PUBLIC KEY-----.",
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocomplete": "off"}),
    )
    note = forms.CharField(label="Why?", **_NOTE)  # type: ignore[arg-type] # by name
    move_id = forms.UUIDField(widget=forms.HiddenInput)


class RevokeKeyForm(PageForm):
    """The end of a key."""

    key_id = forms.CharField(
        label="Key",
        max_length=64,
        help_text="Its id, as the tables above show it.",
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
    )
    note = forms.CharField(label="Why?", **_NOTE)  # type: ignore[arg-type] # by name
    move_id = forms.UUIDField(widget=forms.HiddenInput)


class DecisionForm(PageForm):
    """How a mismatch ends."""

    what = forms.ChoiceField(
        label="What is right?",
        choices=[(_PAY, "Pay the provider"), (_RELEASE, "Pay nothing: all goes back to the developer's deposit")],
        widget=forms.RadioSelect,
        initial=_PAY,
        error_messages={"required": "Choose one."},
    )
    pay_ms = forms.IntegerField(
        label="For how many milliseconds?",
        min_value=1,
        max_value=2**53,
        required=False,
        help_text="At most what the provider claims. Leave it empty when nothing is paid.",
    )
    reason = forms.CharField(
        label="Why?", max_length=200, help_text="In one line. It stands on the ledger, for everybody to read."
    )
    move_id = forms.UUIDField(widget=forms.HiddenInput)

    def clean(self) -> None:
        """Ask for the time where it is to be paid."""
        super().clean()
        paid, ms = self.cleaned_data.get("what") == _PAY, self.cleaned_data.get("pay_ms")
        if paid and ms is None and "pay_ms" not in self.errors:
            self.add_error("pay_ms", "Say for how long.")

    def pay_ms_chosen(self) -> int:
        """Return the time to be paid; 0 releases all."""
        return int(self.cleaned_data["pay_ms"]) if self.cleaned_data["what"] == _PAY else 0
