"""What every form has in common."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from django import forms

from portal.errors import PortalError
from wire.errors import Malformed
from wire.money import credits_text, micro_from_text

T = TypeVar("T")


class PageForm(forms.Form):
    """A form that shows what an operation refused beside the fields that it is about."""

    #: Fields of the operation that are called otherwise here.
    renamed: ClassVar[Mapping[str, str]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)

    def submit(self, act: Callable[[], T]) -> T | None:
        """Act if the form was sent and is right, and show what the operation refused; None: it was not done."""
        try:
            return act() if self.is_valid() else None
        except PortalError as refused:
            self.show(refused)
            return None

    def show(self, refused: PortalError) -> None:
        """Add what an operation refused to the fields that it names, and to the top what names none."""
        for name, problems in refused.fields.items():
            field = self.renamed.get(name, name)
            self.add_error(field if field in self.fields else None, list(problems))
        if not refused.fields:
            self.add_error(None, refused.detail)


class PasswordField(forms.CharField):
    """A password; `autocomplete` says which."""

    def __init__(self, *, autocomplete: str = "current-password", **kwargs: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
        super().__init__(max_length=256, strip=False, widget=widget, **kwargs)


class CreditsField(forms.CharField):
    """An amount in credits; its value is micro-credits."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}))
        super().__init__(**kwargs)

    def clean(self, value: Any) -> int | None:
        """Return the amount in micro-credits."""
        text = super().clean(value)
        if not text:
            return None
        try:
            return micro_from_text(text)
        except Malformed:
            raise forms.ValidationError("Give credits such as 12 or 0.5, with at most 6 decimals.") from None

    def prepare_value(self, value: Any) -> Any:
        """Return how an amount is shown for editing."""
        return credits_text(value) if isinstance(value, int) else value
