"""The one error root of the portal: what its operations refuse, each with its reason (wire.problems)."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from django.core.exceptions import ValidationError

from wire.problems import Reason

Fields = Mapping[str, Sequence[str]]


class PortalError(Exception):
    """The portal refused."""

    reason: ClassVar[Reason] = Reason.INTERNAL
    #: Which part says so.
    component: ClassVar[str] = "portal"

    def __init__(self, detail: str = "", *, fields: Fields | None = None, retry_after: int | None = None) -> None:
        self.detail = detail or (type(self).__doc__ or "").strip()
        #: What is wrong with which field.
        self.fields: Fields = fields or {}
        #: Seconds after which the same may succeed.
        self.retry_after = retry_after
        super().__init__(self.detail)


class Invalid(PortalError):
    """Some fields are not as they should be."""

    reason = Reason.INVALID

    @classmethod
    def field(cls, name: str, message: str) -> "Invalid":
        """Return the error of one field."""
        return cls(fields={name: [message]})

    @classmethod
    def from_validation(cls, error: ValidationError) -> "Invalid":
        """Return what Django's validation found."""
        fields = error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages}
        return cls(fields=fields)


class NotThere(PortalError):
    """There is nothing here, or it is not yours."""

    reason = Reason.NOT_FOUND


class NotAllowed(PortalError):
    """This account may not do that."""

    reason = Reason.FORBIDDEN


class Conflict(PortalError):
    """It was changed meanwhile, or exists."""

    reason = Reason.CONFLICT


class TooManyAttempts(PortalError):
    """Too many attempts. Wait a while and try again."""

    reason = Reason.RATE_LIMITED
