"""Accounts: signing up and in, password, time zone, tokens, roles."""

import zoneinfo

from django import forms

from portal.accounts.models import Role
from portal.web.forms.base import PageForm, PasswordField

_ROLE_HELP = {
    Role.DEVELOPER: "Publish functions and pay for their runs.",
    Role.PROVIDER: "Let your machines run functions and earn credits.",
    Role.PEER: "Operate a node of the ledger and earn a commission. An administrator approves it.",
}

_PASSWORD_HELP = "At least 10 characters, not a common one, not like your name."  # noqa: S105 - a sentence


def role_choices() -> list[tuple[str, str]]:
    """Return the roles, each with what it is for."""
    return [(role.value, f"{role.label}: {_ROLE_HELP[role]}") for role in Role]


class SignUpForm(PageForm):
    """A new account."""

    username = forms.CharField(
        label="Name",
        max_length=39,
        help_text="1 to 39 lower-case letters, digits and hyphens. It is part of your functions' addresses.",
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    email = forms.EmailField(label="E-mail", widget=forms.EmailInput(attrs={"autocomplete": "email"}))
    password = PasswordField(autocomplete="new-password", help_text=_PASSWORD_HELP)
    roles = forms.MultipleChoiceField(
        label="What would you like to do?",
        choices=role_choices,
        widget=forms.CheckboxSelectMultiple,
        initial=[Role.DEVELOPER.value],
        help_text="You can ask for more later.",
        error_messages={"required": "Choose at least one."},
    )


class SignInForm(PageForm):
    """Name and password."""

    username = forms.CharField(
        label="Name",
        max_length=39,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    password = PasswordField()


class PasswordForm(PageForm):
    """Another password."""

    old_password = PasswordField(label="Password now")
    new_password = PasswordField(label="New password", autocomplete="new-password", help_text=_PASSWORD_HELP)


def _zones() -> list[tuple[str, str]]:
    return [(name, name.replace("_", " ")) for name in sorted(zoneinfo.available_timezones())]


class TimeZoneForm(PageForm):
    """In which times are shown."""

    time_zone = forms.ChoiceField(label="Time zone", choices=_zones, help_text="All times are shown to you in it.")


class RoleForm(PageForm):
    """One more role."""

    role = forms.ChoiceField(choices=Role.choices)


#: Days until a token expires; empty: never.
_LIVES = [("30", "30 days"), ("90", "90 days"), ("365", "1 year"), ("", "Never")]


class TokenForm(PageForm):
    """A new token."""

    name = forms.CharField(max_length=64, help_text="Where it will be used, such as “build server”.")
    days = forms.TypedChoiceField(
        label="Expires in", choices=_LIVES, coerce=int, empty_value=None, required=False, initial="90"
    )
