"""What an operator's machine and the portal tell each other, so that a peer of the operator's joins the network."""

import ipaddress
from dataclasses import dataclass
from typing import NamedTuple

from wire.enrolment import KnownPeer


@dataclass(frozen=True, kw_only=True, slots=True)
class JoinStatement:
    """The payload of a JWS of type `signing.JOINING`, signed by the operator's key, which it names."""

    #: `wire.enrolment.code_digest` of the one-time code.
    code_digest: str
    #: Attests for the operator on the ledger, and is its identity on the network.
    public_key_pem: str
    #: Where the other peers reach this one: a host name or address.
    host: str
    #: PKCS 10 in PEM: by the operator's key, by the peer's and by its TLS server's; the names are `Names`.
    operator_request: str
    peer_request: str
    tls_request: str


class Names(NamedTuple):
    """What the certificates' subjects are, known from the keys before anybody was asked."""

    operator: str
    peer: str


def names_of(operator_key_id: str, peer_key_id: str) -> Names:
    """Return the names of an operator and of its peer on the network."""
    return Names(operator=operator_name(operator_key_id), peer=f"peer-{peer_key_id}")


def operator_name(key_id: str) -> str:
    """Return the name of an operator on the network."""
    return f"operator-{key_id}"


def is_loopback(host: str) -> bool:
    """Whether a host is a machine's name for itself."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def plain_host(host: str) -> str:
    """Return a host as all its spellings are written."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower()
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


@dataclass(frozen=True, kw_only=True, slots=True)
class JoinKit:
    """The portal's answer: all that a peer has to know, and certificates for the keys that stayed where they are."""

    #: The account that is paid.
    operator_id: str
    channel: str
    chaincode: str
    msp_id: str
    #: Root of the organisation's CA.
    root_pem: str
    operator_certificate_pem: str
    peer_certificate_pem: str
    tls_certificate_pem: str
    #: What the operator's chaincode server agrees to: the keys and fees that the ledger began with.
    genesis: str
    #: In the order in which they are asked.
    peers: tuple[KnownPeer, ...]
    #: Root certificates of the organisations that order blocks, by MSP id.
    orderer_roots: dict[str, str]
