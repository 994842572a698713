"""What accounts and functions may be called: names that are safe in a URL."""

import re

from django.core.exceptions import ValidationError

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){0,38}")
_RESERVED = frozenset(
    {"admin", "administrator", "api", "controller", "platform", "root", "static", "system", "treasury"}
)


def validate_name(value: str) -> None:
    """Refuse a name that is not one URL segment of lower-case letters, digits and single hyphens.

    :raises ValidationError: with what would be right.
    """
    if not _NAME.fullmatch(value):
        raise ValidationError("Use 1 to 39 lower-case letters, digits and single hyphens, such as word-count.")


def validate_account_name(value: str) -> None:
    """Refuse a name that is not safe in a URL, or that people would take for the platform itself.

    :raises ValidationError: with what would be right.
    """
    validate_name(value)
    if value in _RESERVED:
        raise ValidationError("This name is reserved.")
