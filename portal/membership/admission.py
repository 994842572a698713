"""What a member gets: a certificate, and where the network's peers are."""

from collections.abc import Callable
from dataclasses import dataclass

from fabric_client.errors import BadIdentity
from fabric_client.profile import Profile
from portal.membership.errors import RegistrarRefused
from portal.membership.ports import Member, Registrar
from wire.enrolment import KnownPeer, Membership


@dataclass(frozen=True, kw_only=True, slots=True)
class Admission:
    """Admits members to a network."""

    registrar: Registrar
    #: Reads the network's profile; its peers change.
    profile: Callable[[], Profile]

    def admit(self, member: Member, request_pem: str) -> Membership:
        """Return a membership, with a new certificate when a request for one is given.

        :raises PortalError: as `Registrar.certify`.
        """
        certificate = self.registrar.certify(member, request_pem) if request_pem else ""
        try:
            profile = self.profile()
            peers = tuple(
                KnownPeer(address=peer.address, tls_root_pem=peer.tls_root.decode()) for peer in profile.endpoints()
            )
        except BadIdentity as error:
            raise RegistrarRefused(str(error)) from error
        return Membership(
            msp_id=self.registrar.msp_id,
            certificate_pem=certificate,
            channel=profile.channel,
            chaincode=profile.chaincode,
            peers=peers,
        )
