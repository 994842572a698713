"""Which registries the portal may talk to: those at public addresses, and the administrator's list (no SSRF)."""

import ipaddress
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from portal.functions.errors import RegistryFailed, RegistryNotAllowed

#: From host and port to the host's addresses; an OSError when it has none.
Resolver = Callable[[str, int], Sequence[str]]
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

#: All that the internet routes of IPv6, and what of it is a tunnel to an IPv4 address somewhere else.
_UNICAST = ipaddress.ip_network("2000::/3")
_TUNNELS = (ipaddress.ip_network("2001::/32"), ipaddress.ip_network("2002::/16"))
_MAX_PORT = 65_535
_RESOLVERS = ThreadPoolExecutor(max_workers=8, thread_name_prefix="resolve")


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One server, with the address that was checked: nobody resolves the name again."""

    scheme: str
    host: str
    port: int
    address: IPAddress

    @property
    def authority(self) -> str:
        """What its `Host` header says."""
        default = 443 if self.scheme == "https" else 80
        return self.host if self.port == default else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """Where to connect: the checked address, not the name."""
        host = f"[{self.address}]" if self.address.version == 6 else str(self.address)  # noqa: PLR2004 - IPv6
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistryList:
    """The registries that the administrator allows, wherever they are: `host:port` to scheme."""

    schemes: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> "RegistryList":
        """Read CHAINFAAS_REGISTRIES."""
        schemes = {}
        for item in filter(None, (part.strip() for part in text.split(","))):
            scheme, separator, authority = item.rpartition("://")
            schemes[authority.rstrip("/")] = scheme if separator else "https"
        return cls(schemes=schemes)


def system_resolver(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver, which answers or gives up within seconds.

    :raises OSError: when the name has no address, or no answer came in time.
    """
    asked = _RESOLVERS.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    return [str(item[4][0]) for item in asked.result(timeout=5)]


def is_public(text: str) -> bool:
    """Return whether an address belongs to the public internet and to one machine there."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(str(address.ipv4_mapped))
        if address not in _UNICAST or any(address in network for network in _TUNNELS):
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def locate(scheme: str, authority: str, *, allowed: RegistryList, resolve: Resolver) -> Target:
    """Return where a server is, if the portal may talk to it; the address is looked up once and then kept.

    :raises RegistryNotAllowed: when it is neither on the list nor at public addresses only, or is not on HTTPS.
    :raises RegistryFailed: when its name has no address.
    """
    host, _, port_text = authority.partition(":")
    listed = allowed.schemes.get(authority)
    if scheme != (listed or "https"):
        raise RegistryNotAllowed(f"{scheme}://{authority} is not used: only HTTPS, or what the administrator allows.")
    port = int(port_text) if port_text else {"https": 443, "http": 80}[scheme]
    if port > _MAX_PORT:
        raise RegistryFailed(f"The registry {authority} names no port that exists.")
    try:
        found = resolve(host, port)
    except (OSError, UnicodeError, TimeoutError) as error:
        raise RegistryFailed(f"The name {host} has no address.") from error
    if not found:
        raise RegistryFailed(f"The name {host} has no address.")
    # All of them, not the first: an answer that mixes public and private addresses is an attack or a mistake.
    if listed is None and not all(is_public(address) for address in found):
        raise RegistryNotAllowed(
            f"The registry {authority} is not at a public address, nor on the administrator's list."
        )
    addresses = [ipaddress.ip_address(address.partition("%")[0]) for address in found]
    # IPv4 first: many a small installation has no way out by IPv6, though its resolver knows such addresses.
    return Target(scheme=scheme, host=host, port=port, address=min(addresses, key=lambda address: address.version))
