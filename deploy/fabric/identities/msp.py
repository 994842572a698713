"""MSP directories: how Fabric's programs find certificates, keys, and the roots that they trust."""

from pathlib import Path

from deploy import files
from wire.codec import canonical_json
from wire.signing import SigningKey

#: Fabric CA writes the kind of a member into its certificate.
_UNITS = {
    "ClientOUIdentifier": "client",
    "PeerOUIdentifier": "peer",
    "AdminOUIdentifier": "admin",
    "OrdererOUIdentifier": "orderer",
}
_ROOT = "cacerts/ca.pem"
_CONFIGURATION = "config.yaml"


def write_organisation(directory: Path, root: bytes) -> None:
    """Write what the channel knows of an organisation: the root of its CA, and how roles are told apart."""
    if not directory.exists():
        with files.whole_directory(directory) as unfinished:
            _write_trust(unfinished, root)


def write_member(
    directory: Path, root: bytes, certificate: bytes, key: SigningKey, *, administrator: bytes = b""
) -> None:
    """Write a member's own directory; a node may have an administrator besides those of its organisation."""
    with files.whole_directory(directory) as unfinished:
        _write_trust(unfinished, root)
        files.write(unfinished / "signcerts" / "cert.pem", certificate)
        files.write(unfinished / "keystore" / "key.pem", key.to_pem(), secret=True)
        if administrator:
            files.write(unfinished / "admincerts" / "administrator.pem", administrator)


def write_tls(directory: Path, root: bytes, certificate: bytes, key: SigningKey) -> None:
    """Write a server's TLS certificate and key."""
    with files.whole_directory(directory) as unfinished:
        files.write(unfinished / "ca.pem", root)
        files.write(unfinished / "cert.pem", certificate)
        files.write(unfinished / "key.pem", key.to_pem(), secret=True)


def _write_trust(directory: Path, root: bytes) -> None:
    files.write(directory / _ROOT, root)
    files.write(directory / "tlscacerts" / "ca.pem", root)
    units = {name: {"Certificate": _ROOT, "OrganizationalUnitIdentifier": unit} for name, unit in _UNITS.items()}
    # YAML understands JSON.
    files.write(directory / _CONFIGURATION, canonical_json({"NodeOUs": {"Enable": True, **units}}))
