"""The X.509 authority that certifies providers' signing keys."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from wire.signing import SigningKey

_VALID = timedelta(days=3650)
#: Clocks of other machines may be behind.
_BACKDATED = timedelta(minutes=5)


def authority_certificate(key: SigningKey, now: datetime) -> bytes:
    """Return a self-signed certificate in PEM that may sign the certificates of providers and of nothing else."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ChainFaaS providers")])
    public = key.public.key
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key.key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)
