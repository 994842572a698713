"""Profiles, as JSON files: how a client reaches the channel, and how a registrar reaches its CA."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from fabric_client.errors import BadIdentity
from fabric_client.identity import Identity
from fabric_client.peers import PeerEndpoint, PeerRing
from fabric_client.verification import BlockVerifier, OrdererOrganisation
from wire.codec import decode
from wire.errors import WireError


class _Readable:
    """What a file says."""

    __slots__ = ()

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a profile.

        :raises BadIdentity: when the file is missing or not a profile.
        """
        try:
            return decode(cls, path.read_bytes())
        except (OSError, WireError) as error:
            raise BadIdentity(f"{path}: {error}") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class PeerPlace:
    """A peer's address, and the file with the root of its organisation's CA."""

    address: str
    tls_root: str
    #: MSP id of the organisation that it endorses for; empty when it endorses for none.
    endorses_for: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile(_Readable):
    """How a program reaches a Fabric network. Files are named by their absolute paths."""

    channel: str
    chaincode: str
    msp_id: str
    #: MSP directory with certificate and key.
    identity: str
    #: In the order in which they are asked.
    peers: tuple[PeerPlace, ...]
    #: Root certificate files of the organisations that run orderers, by MSP id.
    orderers: dict[str, str]

    def connect(self) -> PeerRing:
        """Return the peers, for the profile's identity."""
        return PeerRing(self.endpoints(), Identity.read(self.msp_id, Path(self.identity)))

    def endpoints(self) -> list[PeerEndpoint]:
        """Return where the peers are.

        :raises BadIdentity: when the root of a peer's CA cannot be read.
        """
        try:
            return [
                PeerEndpoint(
                    address=peer.address, tls_root=Path(peer.tls_root).read_bytes(), endorses_for=peer.endorses_for
                )
                for peer in self.peers
            ]
        except OSError as error:
            raise BadIdentity(f"{error.filename}: {error.strerror}") from error

    def verifier(self) -> BlockVerifier:
        """Return what checks this network's blocks."""
        return BlockVerifier(
            [OrdererOrganisation(msp_id=name, root=Path(path).read_bytes()) for name, path in self.orderers.items()]
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistrarProfile(_Readable):
    """How a registrar reaches the CA of its organisation. Files are named by their absolute paths."""

    msp_id: str
    #: `host:port` of the CA.
    address: str
    #: Root certificate of the CA, in PEM.
    tls_root: str
    #: MSP directory with the registrar's certificate and key.
    identity: str
    #: File of which the members' passwords at the CA are made.
    secret: str
