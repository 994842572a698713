"""Reads manifests: which of an index fits, how large the image is, and what its configuration says."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.functions.errors import ImageUnsuitable, RegistryFailed
from portal.functions.images import DIGEST
from wire.codec import parse_object
from wire.errors import Malformed

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
ACCEPT = f"{OCI_INDEX}, {OCI_MANIFEST}, {DOCKER_LIST}, {DOCKER_MANIFEST}"
_INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
_MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})

MAX_LAYERS = 128
#: 8 GiB compressed: more than a home PC should be asked to pull for a function.
MAX_IMAGE_BYTES = 8 * 1024**3


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """One image's manifest."""

    digest: str
    config_digest: str
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Index:
    """Several images under one name."""

    #: Digests of the Linux images, by architecture.
    by_architecture: Mapping[str, str]

    def choose(self, architecture: str) -> str:
        """Return the digest of the image for an architecture.

        :raises ImageUnsuitable: when there is none.
        """
        if architecture not in self.by_architecture:
            there = ", ".join(sorted(self.by_architecture)) or "nothing for Linux"
            raise ImageUnsuitable(f"The image is not there for linux/{architecture}; it has {there}.")
        return self.by_architecture[architecture]


def digest_of(data: bytes) -> str:
    """Return how registries name these bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def read_manifest(data: bytes, content_type: str) -> Index | Manifest:
    """Read a manifest or an index.

    :raises RegistryFailed: when it is neither, or malformed.
    :raises ImageUnsuitable: when the image is too large.
    """
    try:
        plain = parse_object(data)
        kind = plain.get("mediaType") or content_type.partition(";")[0].strip()
        if kind in _INDEXES:
            return _index(plain)
        if kind in _MANIFESTS:
            return _manifest(plain, digest_of(data))
    except (Malformed, KeyError, TypeError, AttributeError) as error:
        raise RegistryFailed("The registry's manifest is malformed.") from error
    raise ImageUnsuitable(f"The manifest is of the kind {str(kind)[:80]!r}; rebuild the image with a current tool.")


def _index(plain: Mapping[str, Any]) -> Index:
    found: dict[str, str] = {}
    for item in plain["manifests"]:
        platform = item.get("platform") or {}
        if platform.get("os") == "linux" and item.get("mediaType") in _MANIFESTS:
            found.setdefault(str(platform.get("architecture"))[:16], _digest(item))
    return Index(by_architecture=found)


def _manifest(plain: Mapping[str, Any], digest: str) -> Manifest:
    layers = plain["layers"]
    if not isinstance(layers, list) or len(layers) > MAX_LAYERS:
        raise ImageUnsuitable(f"The image has more than {MAX_LAYERS} layers.")
    sizes = [layer["size"] for layer in layers]
    if not all(type(size) is int and size >= 0 for size in sizes):
        raise RegistryFailed("The registry's manifest is malformed.")
    if sum(sizes) > MAX_IMAGE_BYTES:
        raise ImageUnsuitable(f"The image is larger than {MAX_IMAGE_BYTES // 1024**3} GiB.")
    return Manifest(digest=digest, config_digest=_digest(plain["config"]), size=sum(sizes))


def _digest(descriptor: Mapping[str, Any]) -> str:
    digest = descriptor["digest"]
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise RegistryFailed("The registry's manifest names something by another digest than SHA-256.")
    return digest


def check_config(data: bytes, architecture: str) -> None:
    """Go on only with the configuration of an image that runs on Linux with this architecture.

    :raises ImageUnsuitable: when it is for something else.
    :raises RegistryFailed: when it is malformed.
    """
    try:
        plain = parse_object(data)
    except Malformed as error:
        raise RegistryFailed("The image's configuration is malformed.") from error
    system, found = (str(plain.get(key, ""))[:32] for key in ("os", "architecture"))
    if (system, found) != ("linux", architecture):
        raise ImageUnsuitable(f"The image is for {system}/{found}, not for linux/{architecture}.")
