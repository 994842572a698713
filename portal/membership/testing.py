"""The in-memory counterpart of the registrar; passes the same suite as Fabric CA."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from portal.membership.errors import MemberExpelled, RegistrarUnavailable
from portal.membership.ports import Member
from portal.membership.requests import checked
from wire.signing import SigningKey

_VALID = timedelta(days=365)
_ROOT = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca.peers")])


@dataclass
class InMemoryRegistrar:
    """An authority of its own."""

    msp_id: str = "PeersMSP"
    #: Set it to let every call fail.
    is_away: bool = False
    expelled: set[str] = field(default_factory=set)
    key: SigningKey = field(default_factory=SigningKey.generate)
    #: How long what it certifies is valid.
    valid: timedelta = _VALID

    @property
    def root_pem(self) -> str:
        request = x509.CertificateSigningRequestBuilder().subject_name(_ROOT).sign(self.key.key, hashes.SHA256())
        return self._issued(request, is_authority=True)

    def certify(self, member: Member, request_pem: str, *, hosts: tuple[str, ...] = ()) -> str:
        request = checked(member, request_pem)
        self._answer()
        if member.name in self.expelled:
            raise MemberExpelled
        return self._issued(request, hosts)

    def expel(self, member: Member) -> None:
        self._answer()
        self.expelled.add(member.name)

    def _issued(
        self, request: x509.CertificateSigningRequest, hosts: tuple[str, ...] = (), *, is_authority: bool = False
    ) -> str:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(_ROOT)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + self.valid)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if hosts:
            names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self.key.key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM).decode()

    def _answer(self) -> None:
        if self.is_away:
            raise RegistrarUnavailable
