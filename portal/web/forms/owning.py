"""Keys of owners: handing an account over to one, and what it signed."""

from django import forms

from portal.web.forms.base import PageForm, PasswordField
from wire.ledger.operations import MAX_OPERATION_CHARS

_PLAIN = {"spellcheck": "false", "autocomplete": "off", "autocapitalize": "none"}


class OwnKeyForm(PageForm):
    """The owner's key, its proof, and the password once more."""

    public_key_pem = forms.CharField(
        label="Public key",
        max_length=400,
        strip=False,
        help_text="What step 1 printed; it begins with -----BEGIN PUBLIC KEY-----.",
        widget=forms.Textarea(attrs={"rows": 4, **_PLAIN}),
    )
    proof = forms.CharField(
        max_length=1000,
        help_text="The one line that step 2 printed.",
        widget=forms.Textarea(attrs={"rows": 3, **_PLAIN}),
    )
    has_copy = forms.BooleanField(
        label="I have a copy of the key file in another place",
        help_text="Without the file nobody can move your money, neither we nor you.",
        error_messages={"required": "Make a copy first."},
    )
    password = PasswordField(label="Your password", help_text="Once more: this cannot be taken back here.")


class SignedForm(PageForm):
    """An operation that the owner's own key signed."""

    text = forms.CharField(max_length=MAX_OPERATION_CHARS, strip=False, widget=forms.HiddenInput)
    operation = forms.CharField(
        label="Signed operation",
        max_length=MAX_OPERATION_CHARS,
        help_text="The one line that the command printed.",
        widget=forms.Textarea(attrs={"rows": 4, **_PLAIN}),
    )
