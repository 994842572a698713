"""Providers: a new machine."""

from django import forms

from portal.web.forms.base import PageForm


class MachineForm(PageForm):
    """What a new machine will be called."""

    name = forms.CharField(
        label="The machine's name",
        max_length=64,
        help_text="So that you can tell your machines apart, such as “desk pc”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
