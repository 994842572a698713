"""Certificates that no honest CA would give out now."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.fabric.network import NodeRole
from deploy.fabric.profiles import registrar_profile
from fabric_client.identity import Identity
from portal.membership.ports import Kind, Member
from portal.membership.registrar import FabricRegistrar
from tests.support.fabric.network import FabricNetwork
from wire.enrolment import certificate_request
from wire.signing import SigningKey

_PEM = serialization.Encoding.PEM


def self_certified(msp_id: str, *units: str) -> Identity:
    """Return an identity that no CA of the network knows."""
    key = SigningKey.generate()
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "recorder"),
            *(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in ("client", *units)),
        ]
    )
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public.key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .sign(key.key, hashes.SHA256())
    )
    return Identity(msp_id=msp_id, certificate=certificate.public_bytes(_PEM), key=key)


def certified_until(network: FabricNetwork, member: Identity, end: datetime) -> Identity:
    """Return a member of the organisation `peers` with a certificate by its CA's own key that ends then."""
    home = network.places.node(network.node(NodeRole.CA, "peers"))
    root = x509.load_pem_x509_certificate((home / "ca-cert.pem").read_bytes())
    given = x509.load_pem_x509_certificate(member.certificate)
    builder = (
        x509.CertificateBuilder()
        .subject_name(given.subject)
        .issuer_name(root.subject)
        .public_key(member.key.public.key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(minutes=10))
        .not_valid_after(end)
    )
    for extension in given.extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    certificate = builder.sign(_key_of(home / "msp" / "keystore", root), hashes.SHA256())
    return replace(member, certificate=certificate.public_bytes(_PEM))


def _key_of(keystore: Path, root: x509.Certificate) -> ec.EllipticCurvePrivateKey:
    for path in keystore.iterdir():
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), None)
        except ValueError:
            # The CA keeps keys of other kinds there too.
            continue
        if isinstance(key, ec.EllipticCurvePrivateKey) and key.public_key() == root.public_key():
            return key
    raise AssertionError(f"{keystore} has no key of the CA")


def admitted(network: FabricNetwork, kind: Kind) -> Identity:
    """Return an identity that the portal's own registrar has just admitted."""
    key = SigningKey.generate()
    name = f"{kind}-{key.public.key_id}"
    registrar = FabricRegistrar(registrar_profile(network.places, network.network, "peers"))
    certificate = registrar.certify(Member(kind=kind, name=name), certificate_request(name, key))
    return Identity(msp_id=registrar.msp_id, certificate=certificate.encode(), key=key)
