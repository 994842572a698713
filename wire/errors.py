"""The one error root of this package."""


class WireError(Exception):
    """Something that crossed a process border is not what it should be."""


class Malformed(WireError):
    """The bytes are not a value of the expected type; the message names the field and what would be right."""


class UnknownMessage(WireError):
    """No message of this kind exists in this version."""


class BadSignature(WireError):
    """The signature is missing, of another type, by another key, or does not fit the bytes."""


class OutOfRange(WireError):
    """A value is outside what the marketplace allows; the message names the field and the range."""
