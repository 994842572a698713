"""When certificates end: Fabric's CA gives them a year."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

#: `status` warns from then on.
WARN = timedelta(days=30)
_PLACES = ("signcerts/cert.pem", "tls/cert.pem", "tls-cert.pem")


@dataclass(frozen=True, kw_only=True, slots=True)
class CertificateEnd:
    """A certificate that ends soon, or has ended."""

    path: Path
    at: datetime


def end_of(path: Path) -> datetime:
    """Return when a certificate ends."""
    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc


def ending(root: Path, within: timedelta = WARN) -> list[CertificateEnd]:
    """Return the network's certificates that end within a time, the first one first."""
    latest = datetime.now(UTC) + within
    certificates = (path for path in root.rglob("*.pem") if any(path.match(place) for place in _PLACES))
    found = [CertificateEnd(path=path, at=at) for path in certificates if (at := end_of(path)) < latest]
    return sorted(found, key=lambda item: item.at)
