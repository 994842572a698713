"""Image links, and what a registry has to say about the image behind one."""

import re
from dataclasses import dataclass
from typing import Protocol

from portal.functions.errors import LinkMalformed

MAX_LINK = 300
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_REGISTRY = re.compile(rf"(?P<host>{_LABEL}(?:\.{_LABEL})*)(?::(?P<port>[1-9][0-9]{{0,4}}))?")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MAX_PORT = 65_535
_MAX_REPOSITORY = 200
_HINT = "Expected registry/name:tag or registry/name@sha256:…, such as docker.io/library/python:3.12-slim."


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageLink:
    """Where an image lies: exactly one of tag and digest is set."""

    #: `host` or `host:port`, as written.
    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def reference(self) -> str:
        """What a registry is asked for."""
        return self.digest or self.tag

    def pinned(self, digest: str) -> str:
        """Return the link of exactly this content: what providers run."""
        return f"{self.registry}/{self.repository}@{digest}"


@dataclass(frozen=True, kw_only=True, slots=True)
class PinnedImage:
    """What a registry said of an image: nothing of it can change any more."""

    #: `registry/name@sha256:…`
    image: str
    #: Compressed size of the layers.
    size: int
    architecture: str


class Registry(Protocol):
    """Registries, as this app sees them: `registry.HttpRegistry`, `testing.FakeRegistry`."""

    def pin(self, link: ImageLink, architecture: str) -> PinnedImage:
        """Return the image behind a link for an architecture.

        :raises ImageRefused: of the kind that says what is wrong.
        """


def parse_link(text: str) -> ImageLink:
    """Read an image link.

    :raises LinkMalformed: when it is not exactly one; the message names the part that is wrong.
    """
    if len(text) > MAX_LINK or not text.isascii():
        raise LinkMalformed(f"The link is longer than {MAX_LINK} characters or not plain ASCII. {_HINT}")
    registry, slash, rest = text.partition("/")
    if not slash or not _is_registry(registry):
        raise LinkMalformed(f"The link does not begin with a registry's host name. {_HINT}")
    if "@" in rest:
        repository, _, digest = rest.partition("@")
        return _checked(registry, repository, digest=digest)
    repository, colon, tag = rest.rpartition(":")
    if not colon:
        raise LinkMalformed(f"The link has neither a tag nor a digest. {_HINT}")
    return _checked(registry, repository, tag=tag)


def _is_registry(text: str) -> bool:
    match = _REGISTRY.fullmatch(text)
    if match is None or len(match["host"]) > 253:  # noqa: PLR2004 - RFC 1035
        return False
    # As Docker does: what has neither a dot nor a port is not a registry but a name on Docker Hub.
    named = "." in match["host"] or match["port"] is not None or match["host"] == "localhost"
    return named and int(match["port"] or 1) <= _MAX_PORT


def _checked(registry: str, repository: str, *, tag: str = "", digest: str = "") -> ImageLink:
    if not _REPOSITORY.fullmatch(repository) or len(repository) > _MAX_REPOSITORY:
        raise LinkMalformed(
            f"The image's name {repository[:80]!r} is not lower-case letters, digits and . _ - / only. {_HINT}"
        )
    if tag and not _TAG.fullmatch(tag):
        raise LinkMalformed(f"The tag {tag[:80]!r} is not 1 to 128 letters, digits and . _ -. {_HINT}")
    if not tag and not DIGEST.fullmatch(digest):
        raise LinkMalformed(f"The digest {digest[:80]!r} is not sha256: and 64 lower-case hexadecimal digits. {_HINT}")
    if registry == "docker.io" and "/" not in repository:
        repository = f"library/{repository}"
    return ImageLink(registry=registry, repository=repository, tag=tag, digest=digest)
