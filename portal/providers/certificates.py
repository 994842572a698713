"""X.509 certificates of providers' signing keys, issued by the marketplace's own authority."""

from datetime import datetime, timedelta
from uuid import UUID

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from wire.certificates import CertificateAuthority
from wire.signing import PublicKey

_VALID = timedelta(days=730)


def provider_certificate(authority: CertificateAuthority, provider_id: UUID, key: PublicKey, now: datetime) -> str:
    """Return a certificate, in PEM, that says which provider signs with a key."""
    client = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    return authority.certify(str(provider_id), key, now=now, end=now + _VALID, extensions=[client]).decode()
