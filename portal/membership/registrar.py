"""The registrar of a Fabric CA: an identity that may register participants, and nobody with more rights than these."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from fabric_client.authority import NO_SUCH_NAME, NOT_AUTHENTICATED, REVOKED, AuthorityClient, Registration
from fabric_client.errors import AuthorityRefused, AuthorityUnavailable, BadIdentity
from fabric_client.identity import Identity
from fabric_client.profile import RegistrarProfile
from portal.membership.errors import MemberExpelled, RegistrarRefused, RegistrarUnavailable
from portal.membership.ports import Kind, Member
from portal.membership.requests import checked


class _Place(NamedTuple):
    """What a kind of members is at the CA."""

    kind: str
    affiliation: str


_PLACES: Mapping[Kind, _Place] = {
    Kind.PROVIDER: _Place("client", "participants"),
    Kind.OPERATOR: _Place("client", "participants.readers"),
    # Not of the type `peer`: it has the ledger and attests, and its endorsement counts for nobody.
    Kind.NODE: _Place("client", "participants.readers"),
}
_EXPELLED = frozenset({NOT_AUTHENTICATED, REVOKED})


@dataclass(frozen=True)
class FabricRegistrar:
    """The registrar that a profile describes; its files are read when they are needed first.

    :raises RegistrarRefused: by each call, when they are not usable.
    """

    profile: RegistrarProfile

    @property
    def msp_id(self) -> str:
        """What Fabric calls the organisation."""
        return self.profile.msp_id

    @cached_property
    def root_pem(self) -> str:
        """The root certificate of the organisation's authority."""
        with _in_our_words():
            return _read(self.profile.tls_root)

    def certify(self, member: Member, request_pem: str) -> str:
        """Return a certificate in PEM for the key of a certificate request."""
        return self._certified(member, request_pem)

    def certify_server(self, member: Member, request_pem: str, hosts: tuple[str, ...]) -> str:
        """Return a TLS certificate in PEM for a node that answers at these hosts."""
        return self._certified(member, request_pem, hosts=hosts, profile="tls")

    def expel(self, member: Member) -> None:
        """Revoke all of a member's certificates, for good; harmless when it has none."""
        with _in_our_words(), self._authority() as authority:
            try:
                authority.revoke(self._identity, member.name)
            except AuthorityRefused as refused:
                if NO_SUCH_NAME not in refused.codes:
                    raise

    def _certified(self, member: Member, request_pem: str, *, hosts: tuple[str, ...] = (), profile: str = "") -> str:
        checked(member, request_pem)
        place, password = _PLACES[member.kind], self._password(member)
        wanted = Registration(name=member.name, kind=place.kind, password=password, affiliation=place.affiliation)
        with _in_our_words(), self._authority() as authority:
            authority.register(self._identity, wanted)
            try:
                return authority.enrol(member.name, password, request_pem, hosts=hosts, profile=profile).decode()
            except AuthorityRefused as refused:
                if refused.codes & _EXPELLED:
                    raise MemberExpelled from refused
                raise

    def _authority(self) -> AuthorityClient:
        return AuthorityClient(self.profile.address, Path(self.profile.tls_root))

    @cached_property
    def _identity(self) -> Identity:
        return Identity.read(self.profile.msp_id, Path(self.profile.identity))

    def _password(self, member: Member) -> str:
        """Return a member's password at the CA: the same each time, so that a lost answer can be asked for again."""
        with _in_our_words():
            secret = _read(self.profile.secret)
        return hmac.new(secret.encode(), member.name.encode(), hashlib.sha256).hexdigest()


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError as error:
        raise BadIdentity(f"{path}: {error.strerror}") from error


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except AuthorityUnavailable as error:
        raise RegistrarUnavailable(str(error)) from error
    except (AuthorityRefused, BadIdentity) as error:
        raise RegistrarRefused(str(error)) from error
