"""X.509 certificates as the project's own authorities make them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from wire.signing import PublicKey, SigningKey

#: Clocks of other machines may be behind.
_BACKDATED = timedelta(minutes=5)
_USAGES = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")


@dataclass(frozen=True, kw_only=True, slots=True)
class CertificateAuthority:
    """A key that certifies others, and its own certificate."""

    key: SigningKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        """Its certificate in PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @classmethod
    def make(cls, name: str, key: SigningKey, *, now: datetime, end: datetime) -> Self:
        """Return an authority with a self-signed certificate that may sign others', and no other authority's."""
        itself = _begin(name, key.public, now, end).issuer_name(_named(name))
        extensions = [x509.SubjectKeyIdentifier.from_public_key(key.public.key)]
        return cls(key=key, certificate=_sign(itself, key, extensions, is_authority=True))

    def certify(
        self, name: str, key: PublicKey, *, now: datetime, end: datetime, extensions: Iterable[x509.ExtensionType]
    ) -> bytes:
        """Return a certificate in PEM that lets a key sign as `name`; it ends no later than the authority's own."""
        latest = min(end, self.certificate.not_valid_after_utc)
        wanted = _begin(name, key, now, latest).issuer_name(self.certificate.subject)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public.key)
        signed = _sign(wanted, self.key, [*extensions, issuer], is_authority=False)
        return signed.public_bytes(serialization.Encoding.PEM)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _begin(name: str, key: PublicKey, now: datetime, end: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .public_key(key.key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(end)
    )


def _sign(
    wanted: x509.CertificateBuilder, key: SigningKey, extensions: Iterable[x509.ExtensionType], *, is_authority: bool
) -> x509.Certificate:
    usage = x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
        **dict.fromkeys(_USAGES, False),
    )
    constraints = x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None)
    wanted = wanted.add_extension(constraints, critical=True).add_extension(usage, critical=True)
    for extension in extensions:
        wanted = wanted.add_extension(extension, critical=False)
    return wanted.sign(key.key, hashes.SHA256())
