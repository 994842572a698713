"""What every registrar does for who admits participants: the fake and Fabric CA pass the same."""

import secrets
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from portal.membership.errors import MemberExpelled, RequestInvalid
from portal.membership.ports import Kind, Member, Registrar, provider_member
from wire.enrolment import certificate_request
from wire.signing import SigningKey


def newcomer(kind: Kind = Kind.PROVIDER) -> tuple[Member, SigningKey]:
    """Return somebody who is no member yet, and its key."""
    key = SigningKey.generate()
    member = provider_member(key.public.key_id)
    return Member(kind=kind, name=member.name.replace("provider", kind)), key


def common_name(certificate: x509.Certificate) -> object:
    """Return who a certificate is for."""
    return certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value


class RegistrarContract:
    """Subclasses give `registrar`."""

    @pytest.mark.parametrize("kind", Kind)
    def test_a_member_gets_a_certificate_of_its_own_key_for_a_year(self, registrar: Registrar, kind: Kind) -> None:
        member, key = newcomer(kind)

        certificate = x509.load_pem_x509_certificate(
            registrar.certify(member, certificate_request(member.name, key)).encode()
        )

        assert certificate.public_key() == key.public.key
        assert common_name(certificate) == member.name
        left = certificate.not_valid_after_utc - datetime.now(UTC)
        assert timedelta(days=360) < left < timedelta(days=370)
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(registrar.root_pem.encode()))

    def test_a_member_may_ask_again_for_the_same_key_and_for_another(self, registrar: Registrar) -> None:
        member, key = newcomer()
        first = registrar.certify(member, certificate_request(member.name, key))
        again = registrar.certify(member, certificate_request(member.name, key))
        other = registrar.certify(member, certificate_request(member.name, SigningKey.generate()))

        assert len({first, again, other}) == 3

    def test_a_node_gets_a_tls_certificate_for_its_hosts(self, registrar: Registrar) -> None:
        member, key = newcomer(Kind.NODE)

        made = registrar.certify(member, certificate_request(member.name, key), hosts=("peer.example",))

        names = x509.load_pem_x509_certificate(made.encode()).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        assert "peer.example" in names.value.get_values_for_type(x509.DNSName)

    def test_who_was_expelled_gets_no_certificate_any_more(self, registrar: Registrar) -> None:
        (member, key), (other, others_key) = newcomer(), newcomer()
        registrar.certify(member, certificate_request(member.name, key))

        registrar.expel(member)
        registrar.expel(member)

        with pytest.raises(MemberExpelled):
            registrar.certify(member, certificate_request(member.name, key))
        assert registrar.certify(other, certificate_request(other.name, others_key))

    def test_who_was_never_a_member_is_expelled_without_harm(self, registrar: Registrar) -> None:
        registrar.expel(Member(kind=Kind.PROVIDER, name=f"provider-{secrets.token_hex(8)}"))

        member, key = newcomer()
        assert registrar.certify(member, certificate_request(member.name, key))

    def test_nobody_gets_a_certificate_of_anothers_name(self, registrar: Registrar) -> None:
        member, key = newcomer()

        with pytest.raises(RequestInvalid, match="CN="):
            self.refused(registrar, member, certificate_request("administrator", key))

    def test_a_request_that_asks_for_more_than_a_name_is_refused(self, registrar: Registrar) -> None:
        member, key = newcomer()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, member.name)])
        blank = x509.CertificateSigningRequestBuilder().subject_name(name)
        hosts = blank.add_extension(x509.SubjectAlternativeName([x509.DNSName("peer0.peers")]), critical=False)
        authority = blank.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        unit = x509.Name([*name, x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "admin")])
        wider = x509.CertificateSigningRequestBuilder().subject_name(unit)

        for builder in (hosts, authority, wider):
            with pytest.raises(RequestInvalid):
                self.refused(registrar, member, pem(builder.sign(key.key, hashes.SHA256())))

    def test_what_is_no_request_or_by_another_kind_of_key_is_refused(self, registrar: Registrar) -> None:
        member, key = newcomer()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, member.name)])
        large = x509.CertificateSigningRequestBuilder().subject_name(name)
        good = certificate_request(member.name, key)

        for request in (
            "",
            "no request",
            good.replace("A", "B"),
            good * 10,
            pem(large.sign(ec.generate_private_key(ec.SECP384R1()), hashes.SHA256())),
        ):
            with pytest.raises(RequestInvalid):
                self.refused(registrar, member, request)

    @staticmethod
    def refused(registrar: Registrar, member: Member, request: str) -> None:
        """Ask for a certificate; show what is said of it."""
        try:
            registrar.certify(member, request)
        except RequestInvalid as error:
            raise RequestInvalid(str(error.fields)) from error


def pem(request: x509.CertificateSigningRequest) -> str:
    """Return a request as it is sent."""
    return request.public_bytes(serialization.Encoding.PEM).decode()
