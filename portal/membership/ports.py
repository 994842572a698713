"""What the portal needs from a certificate authority of the Fabric network."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from wire import names


class Kind(StrEnum):
    """What a member is."""

    #: Hands in what it signed, and reads nothing but its own.
    PROVIDER = "provider"
    #: Runs peers; reads the ledger.
    OPERATOR = "operator"
    #: An operator's peer itself: reads the ledger, and endorses nothing.
    NODE = "node"


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A member, by the name that stands in its certificate."""

    kind: Kind
    #: 1 to 60 letters, digits and ._-
    name: str


def provider_member(signing_key_id: str) -> Member:
    """Return the member that a provider is."""
    return Member(kind=Kind.PROVIDER, name=names.fabric_member(signing_key_id))


class Registrar(Protocol):
    """Registers members and certifies their keys, which never leave their machines.

    Each call raises `RegistrarUnavailable` when the authority does not answer: it may be made again.
    """

    @property
    def msp_id(self) -> str:
        """What Fabric calls the organisation."""

    @property
    def root_pem(self) -> str:
        """The root certificate of the organisation's authority."""

    def certify(self, member: Member, request_pem: str, *, hosts: tuple[str, ...] = ()) -> str:
        """Return a certificate in PEM for the key of a certificate request; a repeat returns another one.

        With hosts it is a TLS certificate, for a node that answers at these.

        :raises RequestInvalid: when the request is not by a P-256 key, for this name and for nothing else.
        :raises MemberExpelled: when the member was expelled.
        """

    def expel(self, member: Member) -> None:
        """Revoke all of a member's certificates, for good; harmless when it has none.

        The network goes by it once the organisation's administrator has published the revocation list.
        """
