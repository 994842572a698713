"""The registrar of a Fabric CA: an identity that may register participants, and nobody with more rights than these."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fabric_client.authority import NO_SUCH_NAME, NOT_AUTHENTICATED, REVOKED, AuthorityClient, Registration
from fabric_client.errors import AuthorityRefused, AuthorityUnavailable, BadIdentity
from fabric_client.identity import Identity
from fabric_client.profile import RegistrarProfile
from portal.membership.errors import MemberExpelled, RegistrarRefused, RegistrarUnavailable
from portal.membership.ports import Kind, Member
from portal.membership.requests import checked

#: Of every member. A node is not of the type `peer`: it has the ledger and attests, its endorsement counts for nobody.
_TYPE = "client"
_AFFILIATIONS: Mapping[Kind, str] = {
    Kind.PROVIDER: "participants",
    Kind.OPERATOR: "participants.readers",
    Kind.NODE: "participants.readers",
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
        return self.profile.msp_id

    @cached_property
    def root_pem(self) -> str:
        with _in_our_words():
            return _read(self.profile.tls_root)

    def certify(self, member: Member, request_pem: str, *, hosts: tuple[str, ...] = ()) -> str:
        checked(member, request_pem)
        affiliation, password = _AFFILIATIONS[member.kind], self._password(member)
        profile = "tls" if hosts else ""
        wanted = Registration(name=member.name, kind=_TYPE, password=password, affiliation=affiliation)
        with _in_our_words(), self._authority() as authority:
            authority.register(self._identity, wanted)
            try:
                return authority.enrol(member.name, password, request_pem, hosts=hosts, profile=profile).decode()
            except AuthorityRefused as refused:
                if refused.codes & _EXPELLED:
                    raise MemberExpelled from refused
                raise

    def expel(self, member: Member) -> None:
        with _in_our_words(), self._authority() as authority:
            try:
                authority.revoke(self._identity, member.name)
            except AuthorityRefused as refused:
                if NO_SUCH_NAME not in refused.codes:
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
