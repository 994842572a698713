"""What operations on functions refuse."""

from portal.errors import Conflict, Invalid, NotThere


class FunctionInvalid(Invalid):
    """The function or its version cannot be like this."""


class FunctionMissing(NotThere):
    """You have no function of this name."""


class VersionMissing(NotThere):
    """The function has no such version."""


class NameTaken(Conflict):
    """You have a function of this name."""


class FunctionMovedOn(Conflict):
    """The function was changed meanwhile. Load it again."""


class WrongState(Conflict):
    """The function's state does not allow that."""


class ImageRefused(Invalid):
    """The image cannot be used."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, fields={"image_link": [detail]})


class LinkMalformed(ImageRefused):
    """The image link is not `registry/name:tag` or `registry/name@sha256:…`."""


class RegistryNotAllowed(ImageRefused):
    """The registry is neither at a public address nor on the administrator's list."""


class ImageMissing(ImageRefused):
    """The registry has no such image, or does not show it without a login."""


class ImageUnsuitable(ImageRefused):
    """The image is not one that providers can run."""


class RegistryFailed(ImageRefused):
    """The registry did not answer as registries do."""
