"""X.509 certificates of providers' signing keys, issued by the marketplace's own authority."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wire.signing import PublicKey, SigningKey

VALID = timedelta(days=730)
#: Clocks of other machines may be behind.
_BACKDATED = timedelta(minutes=5)
_USAGES = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign")


@dataclass(frozen=True, kw_only=True, slots=True)
class CertificateAuthority:
    """The marketplace's authority: `ca.key` and `ca.crt` of the keys directory."""

    key: SigningKey
    certificate: x509.Certificate

    def certify(self, provider_id: UUID, key: PublicKey, now: datetime) -> str:
        """Return a certificate, in PEM, that says which provider signs with a key."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(provider_id))])
        usage = x509.KeyUsage(
            digital_signature=True, encipher_only=False, decipher_only=False, **dict.fromkeys(_USAGES, False)
        )
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.certificate.subject)
            .public_key(key.key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BACKDATED)
            .not_valid_after(min(now + VALID, self.certificate.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public.key), critical=False)
            .sign(self.key.key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode()
