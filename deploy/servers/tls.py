"""A certificate authority of our own and a server certificate for this machine."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.files import secret_file

_DAY = timedelta(days=1)
_YEARS = timedelta(days=3 * 365)
_RENEW = timedelta(days=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerTls:
    """The files that a server with TLS needs, and the one that its clients need (`ca_file`)."""

    ca_file: Path
    certificate_file: Path
    key_file: Path


def server_tls(directory: Path, *, now: datetime | None = None) -> ServerTls:
    """Return certificate and key for localhost and 127.0.0.1, made when there are none or they end soon."""
    directory.mkdir(parents=True, exist_ok=True)
    files = ServerTls(
        ca_file=directory / "ca.crt", certificate_file=directory / "server.crt", key_file=directory / "server.key"
    )
    moment = now or datetime.now(UTC)
    if not _is_good(files, moment):
        _make(files, moment)
    return files


def _is_good(files: ServerTls, now: datetime) -> bool:
    if not all(path.exists() for path in (files.ca_file, files.certificate_file, files.key_file)):
        return False
    return x509.load_pem_x509_certificate(files.certificate_file.read_bytes()).not_valid_after_utc > now + _RENEW


def _make(files: ServerTls, now: datetime) -> None:
    ca_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"ChainFaaS local CA {now:%Y-%m-%d %H:%M:%S}")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    ca = (
        _begin(issuer, issuer, ca_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    server = (
        _begin(subject, issuer, server_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(authority, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    # The CA's key is not kept: nothing else is ever signed with it.
    files.ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    files.certificate_file.write_bytes(server.public_bytes(serialization.Encoding.PEM))
    key = server_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    secret_file(files.key_file, key.decode())


def _begin(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _YEARS)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
