"""A certificate authority of our own and a server certificate for this machine."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from deploy.files import secret_file
from wire.certificates import CertificateAuthority
from wire.signing import SigningKey

_YEARS = timedelta(days=3 * 365)
_RENEW = timedelta(days=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerTls:
    """The files that a server with TLS needs, and the one that its clients need (`ca_file`)."""

    ca_file: Path
    certificate_file: Path
    key_file: Path


def server_tls(directory: Path) -> ServerTls:
    """Return certificate and key for localhost and 127.0.0.1, made when there are none or they end soon."""
    directory.mkdir(parents=True, exist_ok=True)
    files = ServerTls(
        ca_file=directory / "ca.crt", certificate_file=directory / "server.crt", key_file=directory / "server.key"
    )
    now = datetime.now(UTC)
    if not _is_good(files, now):
        _make(files, now)
    return files


def _is_good(files: ServerTls, now: datetime) -> bool:
    if not all(path.exists() for path in (files.ca_file, files.certificate_file, files.key_file)):
        return False
    return x509.load_pem_x509_certificate(files.certificate_file.read_bytes()).not_valid_after_utc > now + _RENEW


def _make(files: ServerTls, now: datetime) -> None:
    end = now + _YEARS
    ca = CertificateAuthority.make(
        f"ChainFaaS local CA {now:%Y-%m-%d %H:%M:%S}", SigningKey.generate(), now=now, end=end
    )
    key = SigningKey.generate()
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    extensions = [
        x509.SubjectKeyIdentifier.from_public_key(key.public.key),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        x509.SubjectAlternativeName(names),
    ]
    # The CA's key is not kept: nothing else is ever signed with it.
    files.ca_file.write_bytes(ca.pem)
    files.certificate_file.write_bytes(ca.certify("localhost", key.public, now=now, end=end, extensions=extensions))
    secret_file(files.key_file, key.to_pem().decode())
