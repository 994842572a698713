"""Where an image may come from: registries at public addresses, or on the administrator's list.

Why both agent and portal look: docs/architecture.md, "The edge".
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Collection, Iterable

from provider_agent.errors import AgentError

#: `registry/repository@sha256:…`; a registry has a dot, a port or is `localhost`: so Docker tells it from a user.
_IMAGE = re.compile(
    r"(?P<registry>localhost|[a-z0-9-]+(?:\.[a-z0-9-]+)+|(?:[a-z0-9.-]+|\[[0-9a-f:]+\]):[0-9]{1,5})"
    r"/(?P<repository>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)@(?P<digest>sha256:[0-9a-f]{64})"
)
_IMAGE_MAX = 512
_HTTPS = 443
#: Docker Hub is asked at another name than its images carry.
_ALIASES = {"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}

#: Host and port to addresses.
Resolve = Callable[[str, int], Iterable[str]]


class RegistryNotPublic(AgentError):
    """The image's registry is in a private network."""


def registry_of(image: str) -> str | None:
    """Return the registry of an image that is pinned by digest; None when it is not such an image."""
    match = _IMAGE.fullmatch(image) if len(image) <= _IMAGE_MAX else None
    return match["registry"] if match else None


def listed(registries: Collection[str]) -> frozenset[str]:
    """Return the administrator's list as `host:port`: how a registry is reached is the matter of Docker's settings."""
    return frozenset(item.removeprefix("http://").removeprefix("https://").rstrip("/") for item in registries)


def may_be_public(registry: str) -> bool:
    """Return whether a registry's name alone does not show that it is in a private network."""
    host = _host_and_port(registry)[0]
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".local", ".localhost", ".internal", ".lan", ".home.arpa"))


def resolve(host: str, port: int) -> Iterable[str]:
    """Return the addresses of a host by this machine's resolver.

    :raises OSError: when it has none.
    """
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def require_public(registry: str, allowed: Collection[str], ask: Resolve) -> None:
    """Check a registry just before a pull: each of its addresses is public, or it is on the list.

    :raises RegistryNotPublic: when one is private, or there is none.
    """
    if registry in allowed:
        return
    host, port = _host_and_port(_ALIASES.get(registry, registry))
    try:
        addresses = list(ask(host, port))
    except OSError as error:
        raise RegistryNotPublic(f"registry {registry} has no address: {error}") from error
    if not addresses or not all(_is_public(address) for address in addresses):
        raise RegistryNotPublic(f"registry {registry} is not at a public address")


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    embedded = getattr(found, "ipv4_mapped", None)
    return (embedded or found).is_global and not found.is_multicast


def _host_and_port(registry: str) -> tuple[str, int]:
    host, _, port = registry.rpartition(":")
    if not host or not port.isdecimal():
        return registry.strip("[]"), _HTTPS
    return host.strip("[]"), int(port)
